import { X509Certificate } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { plainToInstance, Transform } from 'class-transformer';
import { ValidateBy, validateSync } from 'class-validator';

/** The environment says something that is not accepted. The message has a line for each variable. */
export class SettingsError extends Error {
  constructor(readonly problems: readonly string[]) {
    super(`The settings are not accepted:\n${problems.map((problem) => `  ${problem}`).join('\n')}`);
    this.name = 'SettingsError';
  }
}

/**
 * Reads a class of settings from the environment. The properties are named after the variables, their initial values are
 * the defaults, the decorators below say what is accepted. A variable that is empty counts as unset.
 *
 * @throws {SettingsError} naming every bad variable, its value (unless secret) and what is accepted
 */
export function loadSettings<T extends object>(settings: new () => T, environment: NodeJS.ProcessEnv): T {
  const defaults = new settings();
  const given: Record<string, string> = {};
  for (const name of Object.keys(defaults)) {
    const value = environment[name];
    if (value !== undefined && value.trim() !== '') given[name] = value;
  }
  const loaded = plainToInstance(settings, given, { exposeDefaultValues: true });
  const problems = validateSync(loaded).map(({ property, constraints, contexts }) => {
    const accepted = Object.values(constraints ?? {}).join('; ');
    const secret = Object.values<{ secret?: boolean }>(contexts ?? {}).some((c) => c.secret);
    return `${property}${secret ? '' : `='${given[property] ?? ''}'`}: ${accepted}`;
  });
  if (problems.length > 0) throw new SettingsError(problems);
  return loaded;
}

/**
 * Reads several classes of settings, only to find everything that is wrong with the environment at once.
 * @throws {SettingsError} naming the bad variables of all of them
 */
export function checkSettings(all: readonly (new () => object)[], environment: NodeJS.ProcessEnv): void {
  const problems = all.flatMap((settings) => {
    try {
      loadSettings(settings, environment);
      return [];
    } catch (error) {
      if (error instanceof SettingsError) return error.problems;
      throw error;
    }
  });
  if (problems.length > 0) throw new SettingsError(problems);
}

/** A decimal number. @param unit for the message, e.g. `minutes` */
export function Decimal(range: { above?: number; least?: number; most: number; unit?: string }): PropertyDecorator {
  const unit = range.unit ? ` of ${range.unit}` : '';
  const lower = range.above !== undefined ? `above ${range.above}` : `from ${range.least ?? 0}`;
  return both(
    Transform(({ value }: { value: unknown }) => toNumber(value)),
    accept(`a number${unit} ${lower} to ${range.most} is accepted`, (value) => {
      if (typeof value !== 'number' || !Number.isFinite(value) || value > range.most) return false;
      return range.above !== undefined ? value > range.above : value >= (range.least ?? 0);
    }),
  );
}

/** A whole number. */
export function Whole(range: { least: number; most: number; unit?: string }): PropertyDecorator {
  const unit = range.unit ? ` of ${range.unit}` : '';
  return both(
    Transform(({ value }: { value: unknown }) => toNumber(value)),
    accept(
      `a whole number${unit} from ${range.least} to ${range.most} is accepted`,
      (value) => Number.isInteger(value) && Number(value) >= range.least && Number(value) <= range.most,
    ),
  );
}

/** `true` or `false`; also 1, 0, yes, no, on, off. */
export function Flag(): PropertyDecorator {
  const words: Record<string, boolean> = {
    true: true,
    1: true,
    yes: true,
    on: true,
    false: false,
    0: false,
    no: false,
    off: false,
  };
  return both(
    Transform(({ value }: { value: unknown }) =>
      typeof value === 'string' ? (words[value.trim().toLowerCase()] ?? value) : value,
    ),
    accept('true or false is accepted', (value) => typeof value === 'boolean'),
  );
}

/** Free text. */
export function Text(
  options: { most?: number; secret?: boolean; pattern?: RegExp; accepted?: string } = {},
): PropertyDecorator {
  const most = options.most ?? 4096;
  return accept(
    options.accepted ?? `text of at most ${most} characters is accepted`,
    (value) =>
      value === null ||
      (typeof value === 'string' &&
        value.length <= most &&
        (options.pattern === undefined || options.pattern.test(value))),
    options.secret ? { secret: true } : undefined,
  );
}

/** Names separated by commas. */
export function NameList(): PropertyDecorator {
  return both(
    Transform(({ value }: { value: unknown }) =>
      typeof value === 'string'
        ? value
            .split(',')
            .map((name) => name.trim())
            .filter((name) => name !== '')
        : value,
    ),
    accept(
      'a comma list of names (letters, digits, _) is accepted',
      (value) => Array.isArray(value) && value.length > 0 && value.every((name) => /^\w{1,100}$/.test(String(name))),
    ),
  );
}

/** A regular expression (JavaScript's). */
export function Pattern(): PropertyDecorator {
  return accept('a regular expression is accepted', (value) => {
    try {
      return typeof value === 'string' && value.length <= 1000 && Boolean(new RegExp(value));
    } catch {
      return false;
    }
  });
}

/** Path of a PEM file with certificates that can be read now. */
export function CertificateFile(): PropertyDecorator {
  return accept('the path of a readable PEM file with at least one certificate is accepted', (value) => {
    if (typeof value !== 'string') return value === null;
    try {
      return new X509Certificate(readFileSync(value)).subject !== undefined;
    } catch {
      return false;
    }
  });
}

function toNumber(value: unknown): unknown {
  if (typeof value !== 'string') return value;
  return /^[+-]?(\d+\.?\d*|\.\d+)$/.test(value.trim()) ? Number(value) : value;
}

function accept(accepted: string, validate: (value: unknown) => boolean, context?: object): PropertyDecorator {
  return ValidateBy(
    { name: 'accepted', validator: { validate, defaultMessage: () => accepted } },
    context ? { context } : undefined,
  );
}

function both(...decorators: PropertyDecorator[]): PropertyDecorator {
  return (target, key) => decorators.forEach((decorate) => decorate(target, key));
}
