import { expect } from '@jest/globals';
import type { Answer } from './service-harness.js';

/** The answer is a problem document (RFC 9457) with this status and this stable code. */
export function expectProblem(answer: Answer, status: number, code: string): void {
  expect(answer.contentType).toMatch(/^application\/problem\+json/);
  expect(answer).toMatchObject({ status, body: { status, code, title: expect.any(String) } });
}

/** The fields that a 422 names, each as often as it is named. */
export function fieldsOf({ body }: Answer): string[] {
  return (body['errors'] as { field: string }[]).map(({ field }) => field);
}
