import type { Connect } from './feed-connection.js';

/** The browser's own client for server-sent events. @param url of the feed */
export function eventSource(url: string): Connect {
  return (handlers) => {
    const source = new EventSource(url);
    source.onopen = () => handlers.opened();
    source.onmessage = ({ data }: MessageEvent<string>) => handlers.message(data);
    source.onerror = () => handlers.broke(source.readyState === EventSource.CLOSED);
    return () => source.close();
  };
}
