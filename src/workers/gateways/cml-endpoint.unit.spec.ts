import { describe, expect, it } from '@jest/globals';
import { TelemetryUnavailable } from './cml-api.port.js';
import { parseCmlEndpoint } from './cml-endpoint.js';

describe('the endpoint of a CML server', () => {
  it.each([
    ['https://cml.example.com', 'https://cml.example.com', '/api/v0'],
    ['https://cml.example.com/', 'https://cml.example.com', '/api/v0'],
    [' https://cml.example.com:8443// ', 'https://cml.example.com:8443', '/api/v0'],
    ['http://10.0.0.7/labs/one/', 'http://10.0.0.7', '/labs/one/api/v0'],
    ['https://[::1]:443/api/v0/', 'https://[::1]', '/api/v0'],
    ['https://me:secret@cml.example.com/?token=secret#x', 'https://cml.example.com', '/api/v0'],
  ])('%s', (text, origin, basePath) => {
    expect(parseCmlEndpoint(text)).toMatchObject({ origin, basePath });
    expect(parseCmlEndpoint(text).name).not.toContain('secret');
  });

  it.each([
    '',
    '  ',
    'cml.example.com',
    'cml.example.com:443',
    'ftp://cml.example.com',
    'https://',
    '//me:secret@host',
  ])('refuses %p, and says what is wanted without repeating a password', (text) => {
    const act = (): unknown => parseCmlEndpoint(text);
    expect(act).toThrow(TelemetryUnavailable);
    expect(act).toThrow(/https:\/\/cml\.example\.com/);
    expect(act).not.toThrow(/secret/);
  });
});
