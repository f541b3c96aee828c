import { Transform } from 'class-transformer';
import { IsInt, IsOptional, Max, Min } from 'class-validator';

/** A whole number in a query, which may be left out; it comes as text. The message says what is accepted. */
export function WholeNumber(least: number, most: number): PropertyDecorator {
  const message = `a whole number from ${least} to ${most} is accepted`;
  const decorators = [
    IsOptional(),
    Transform(({ value }: { value: unknown }) =>
      typeof value === 'string' && /^\d{1,10}$/.test(value) ? Number(value) : value,
    ),
    IsInt({ message }),
    Min(least, { message }),
    Max(most, { message }),
  ];
  return (target, key) => decorators.forEach((decorate) => decorate(target, key));
}
