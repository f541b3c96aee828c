/** What answers are kept under. */
export const keys = {
  about: ['about'],
  health: ['health'],
  workers: ['workers'],
  /** Everything about one worker. */
  worker: (id: string) => ['worker', id],
  row: (id: string) => ['worker', id, 'row'],
  activity: (id: string) => ['worker', id, 'activity'],
  timeline: (id: string) => ['worker', id, 'timeline'],
  sessions: ['sessions'],
  jobs: ['jobs'],
} as const;
