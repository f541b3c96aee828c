/** Told about something at the moment it happens; what it returns is awaited before the lab goes on. */
export type Hook<T> = (subject: T) => void | Promise<void>;

/** Hooks of one kind, called in the order they were added. What a hook throws fails the request, visibly. */
export class Hooks<T> {
  private readonly hooks = new Set<Hook<T>>();

  /** @returns takes the hook away again */
  add(hook: Hook<T>): () => void {
    this.hooks.add(hook);
    return () => void this.hooks.delete(hook);
  }

  async call(subject: T): Promise<void> {
    for (const hook of [...this.hooks]) await hook(subject);
  }
}
