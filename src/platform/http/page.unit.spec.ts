import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { brotliCompressSync, gunzipSync, gzipSync } from 'node:zlib';
import { Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { pino } from 'pino';
import { PlatformSettings } from '../config/platform-settings.js';
import { IdleMemory } from '../observability/idle-memory.js';
import { Metrics } from '../observability/metrics.js';
import { fastifyAdapter, prepareHttp } from './http-server.js';
import { servePage } from './page.js';

@Module({})
class NothingElse {}

const INDEX = '<!doctype html><title>Dormouse</title>';
const SCRIPT = 'document.title = "awake";';
const ASSET = '/assets/index-4f0c.js';

describe('The page', () => {
  let directory: string;
  let app: NestFastifyApplication;
  const logged: string[] = [];

  beforeAll(async () => {
    directory = await mkdtemp(join(tmpdir(), 'dormouse-page-'));
    await mkdir(join(directory, 'assets'));
    await writeFile(join(directory, '.built'), '');
    await writeFile(join(directory, 'index.html'), INDEX);
    await writeFile(join(directory, 'index.html.br'), brotliCompressSync(INDEX));
    await writeFile(join(directory, ASSET), SCRIPT);
    await writeFile(join(directory, `${ASSET}.gz`), gzipSync(SCRIPT));
    await writeFile(join(directory, 'assets/.secret'), 'x');
    app = await serving(directory);
  });

  afterAll(async () => {
    await app.close();
    await rm(directory, { recursive: true, force: true });
  });

  async function serving(from?: string): Promise<NestFastifyApplication> {
    const settings = new PlatformSettings();
    const made = await NestFactory.create<NestFastifyApplication>(NothingElse, fastifyAdapter(settings), {
      logger: false,
      bodyParser: false,
    });
    const log = pino({ level: 'info' }, { write: (line: string) => logged.push(line) });
    prepareHttp(made, settings, new Metrics(), new IdleMemory(undefined), log);
    await servePage(made, from);
    await made.init();
    await made.getHttpAdapter().getInstance().ready();
    return made;
  }

  const get = (url: string, headers: Record<string, string> = {}) => app.inject({ method: 'GET', url, headers });

  it('is at /, and is asked for again each time', async () => {
    const answer = await get('/');
    expect(answer.body).toBe(INDEX);
    expect(answer.headers).toMatchObject({ 'content-type': 'text/html; charset=utf-8', 'cache-control': 'no-cache' });
    const again = await get('/', { 'if-none-match': String(answer.headers.etag) });
    expect(again.statusCode).toBe(304);
  });

  it('is the same page with a query, as links from elsewhere may have one', async () => {
    expect((await get('/?utm_source=wiki')).body).toBe(INDEX);
  });

  it('may be kept for ever in its assets, whose names change with their content', async () => {
    const answer = await get(ASSET);
    expect(answer.body).toBe(SCRIPT);
    expect(answer.headers).toMatchObject({
      'content-type': expect.stringContaining('javascript'),
      'cache-control': 'public, max-age=31536000, immutable',
    });
  });

  it('comes as it was compressed when it was built', async () => {
    const answer = await get(ASSET, { 'accept-encoding': 'gzip, br' });
    expect(answer.headers).toMatchObject({
      'content-encoding': 'gzip',
      vary: expect.stringMatching(/accept-encoding/i),
    });
    expect(gunzipSync(answer.rawPayload).toString()).toBe(SCRIPT);
    expect((await get('/', { 'accept-encoding': 'gzip, br' })).headers['content-encoding']).toBe('br');
    expect((await get('/', { 'accept-encoding': 'gzip' })).body).toBe(INDEX);
  });

  it.each(['/', ASSET])('says at %s that nothing may come from elsewhere, go elsewhere or frame it', async (url) => {
    const { headers } = await get(url);
    expect(headers).toMatchObject({
      'content-security-policy':
        "default-src 'self'; connect-src 'self'; img-src 'self' data:; style-src 'self' 'unsafe-inline'; " +
        "frame-ancestors 'none'; base-uri 'none'; form-action 'none'",
      'cross-origin-opener-policy': 'same-origin',
      'x-content-type-options': 'nosniff',
      'referrer-policy': 'no-referrer',
    });
  });

  it.each([
    '/assets/missing.js',
    '/assets/',
    '/assets',
    '/assets/.secret',
    '/assets/../index.html',
    '/assets/%2e%2e/index.html',
    '/assets/..%2f.built',
    '/assets//index-4f0c.js',
    '/index.html',
    '/.built',
  ])('has nothing else: %s is a problem', async (url) => {
    const answer = await get(url);
    expect([403, 404]).toContain(answer.statusCode);
    expect(answer.headers['content-type']).toContain('application/problem+json');
    expect(answer.json()).toMatchObject({
      status: answer.statusCode,
      code: expect.stringMatching(/not_found|forbidden/),
    });
    expect(answer.body).not.toContain(directory);
  });

  it('is only read', async () => {
    const answer = await app.inject({ method: 'POST', url: '/' });
    expect(answer.statusCode).toBe(404);
    expect((await app.inject({ method: 'HEAD', url: '/' })).statusCode).toBe(200);
  });

  it('fills no log with its assets', async () => {
    logged.length = 0;
    await get(ASSET);
    expect(logged).toEqual([]);
    await get('/');
    expect(logged).toEqual([expect.stringContaining('request.answered')]);
  });

  it('is missing, and says what makes it, where it was not built', async () => {
    const unbuilt = await serving();
    try {
      const answer = await unbuilt.inject({ method: 'GET', url: '/' });
      expect(answer.statusCode).toBe(404);
      expect(answer.headers['content-type']).toContain('application/problem+json');
      expect(answer.json()).toMatchObject({ code: 'page_not_built', detail: expect.stringContaining('npm run build') });
    } finally {
      await unbuilt.close();
    }
  });
});
