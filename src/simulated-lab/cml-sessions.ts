import { createHmac, randomBytes, randomUUID } from 'node:crypto';

/** CML's tokens live for a day. */
const TOKEN_LIFETIME_SECONDS = 86_400;

/** The tokens that a CML server has handed out. A restart forgets them all. */
export class CmlSessions {
  private readonly secret = randomBytes(32);
  private readonly expiryByToken = new Map<string, number>();

  constructor(
    private readonly userId: string,
    private readonly clock: () => number,
  ) {}

  /** A new token: a JWT, as CML's are. */
  issue(): string {
    const iat = Math.floor(this.clock() / 1000);
    const exp = iat + TOKEN_LIFETIME_SECONDS;
    const signed = [
      { alg: 'HS256', typ: 'JWT' },
      { sub: this.userId, iat, exp, jti: randomUUID() },
    ]
      .map((part) => Buffer.from(JSON.stringify(part)).toString('base64url'))
      .join('.');
    const token = `${signed}.${createHmac('sha256', this.secret).update(signed).digest('base64url')}`;
    this.expiryByToken.set(token, exp * 1000);
    return token;
  }

  /** Whether an Authorization header carries a token that still counts. */
  accepts(authorization: string | undefined): boolean {
    const expiry = this.expiryByToken.get(tokenOf(authorization));
    return expiry !== undefined && this.clock() < expiry;
  }

  /** Ends the session of an Authorization header. */
  end(authorization: string | undefined): void {
    this.expiryByToken.delete(tokenOf(authorization));
  }

  endAll(): void {
    this.expiryByToken.clear();
  }
}

function tokenOf(authorization: string | undefined): string {
  return /^Bearer (.+)$/i.exec(authorization ?? '')?.[1] ?? '';
}
