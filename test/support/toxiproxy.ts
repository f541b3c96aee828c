/**
 * toxiproxy's HTTP API (https://github.com/Shopify/toxiproxy), as far as the tests use it.
 *
 * ```ts
 * const proxy = await createProxy(process.env['TOXIPROXY_URL'], '127.0.0.1:2113');
 * await proxy.add({ type: 'latency', attributes: { latency: 5 } });
 * await proxy.heal();
 * await proxy.delete();
 * ```
 */
export interface Toxic {
  readonly type: 'latency' | 'timeout' | 'reset_peer' | 'slicer';
  /** `upstream`: what the client sends; `downstream` (default): what the server sends. */
  readonly stream?: 'upstream' | 'downstream';
  readonly attributes: Readonly<Record<string, number>>;
}

export interface Proxy {
  /** `host:port` that it listens on. */
  readonly address: string;
  add(toxic: Toxic): Promise<void>;
  /** Removes all toxics and lets connections in. */
  heal(): Promise<void>;
  /** Cuts all connections and refuses new ones, until healed. */
  refuse(): Promise<void>;
  delete(): Promise<void>;
}

interface ProxyState {
  readonly listen: string;
  readonly toxics?: readonly { readonly name: string }[];
}

/** Makes a proxy on a free port in front of `upstream` (`host:port`). @param url of toxiproxy's API */
export async function createProxy(url: string, upstream: string): Promise<Proxy> {
  const name = `test-${crypto.randomUUID()}`;
  const call = async (method: string, path: string, body?: object): Promise<unknown> => {
    const init = body ? { body: JSON.stringify(body), headers: { 'Content-Type': 'application/json' } } : {};
    const response = await fetch(new URL(path, url), { method, ...init });
    const text = await response.text();
    if (!response.ok) throw new Error(`toxiproxy: ${method} ${path} answered ${response.status}: ${text}`);
    return text === '' ? undefined : JSON.parse(text);
  };
  const created = (await call('POST', '/proxies', {
    name,
    listen: '127.0.0.1:0',
    upstream,
    enabled: true,
  })) as ProxyState;
  const path = `/proxies/${name}`;
  return {
    address: created.listen,
    async add({ type, stream = 'downstream', attributes }) {
      await call('POST', `${path}/toxics`, { type, stream, attributes });
    },
    async heal() {
      const { toxics = [] } = (await call('GET', path)) as ProxyState;
      for (const toxic of toxics) await call('DELETE', `${path}/toxics/${toxic.name}`);
      await call('POST', path, { enabled: true, listen: created.listen, upstream });
    },
    async refuse() {
      await call('POST', path, { enabled: false, listen: created.listen, upstream });
    },
    async delete() {
      await call('DELETE', path);
    },
  };
}
