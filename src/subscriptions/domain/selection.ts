/** Which published events are wanted; what is absent does not matter. The platform's EventSelection. */
export interface WantedEvents {
  readonly types?: readonly string[];
  readonly aggregateKind?: string;
  readonly aggregateId?: string;
}

/** What a subscription's fields ask for; null is "does not matter". */
export function selectionOf({
  types,
  aggregate_kind,
  aggregate_id,
}: {
  readonly types: readonly string[] | null;
  readonly aggregate_kind: string | null;
  readonly aggregate_id: string | null;
}): WantedEvents {
  return {
    ...(types === null ? {} : { types }),
    ...(aggregate_kind === null ? {} : { aggregateKind: aggregate_kind }),
    ...(aggregate_id === null ? {} : { aggregateId: aggregate_id }),
  };
}
