/** What a server's `explain` tells, as far as the port asks. */
export interface QueryPlan {
  /** Name of the index that narrows the search, or delivers the order of an unfiltered query; null for a scan. */
  readonly usesIndex: string | null;
  readonly plan: string;
}

/** How an index is used somewhere in a plan. */
interface IndexUse {
  readonly index: string;
  /** Only part of the index is read. */
  readonly narrowed: boolean;
}

type Node = Readonly<Record<string, unknown>>;

/**
 * Reads the answer of `explain` in verbosity `queryPlanner`: of MongoDB (`winningPlan`, stages with `inputStage`), and of
 * servers on PostgreSQL (`Plan`, nodes with `Plans`).
 *
 * @param filtered the query has conditions: an index that is read from end to end does not serve it
 * @param byId an index on the id is what the query asks for, because it continues after one
 */
export function readPlan(explained: unknown, filtered: boolean, byId: boolean): QueryPlan {
  const planner = child(explained, 'queryPlanner') ?? {};
  const chosen = planner['winningPlan'] ?? planner['Plan'];
  const uses = [...nodesIn(chosen)];
  const scans = uses.some((node) => node['stage'] === 'COLLSCAN' || node['Node Type'] === 'Seq Scan');
  const served = uses
    .map(indexUse)
    .filter((use) => use !== undefined)
    .filter(({ index, narrowed }) => (index === '_id_' ? byId : narrowed || !filtered));
  return { usesIndex: scans ? null : (served[0]?.index ?? null), plan: JSON.stringify(chosen, null, 1) };
}

function indexUse(node: Node): IndexUse | undefined {
  const { stage, indexName, indexBounds } = node;
  if (typeof stage === 'string' && /IXSCAN|COUNT_SCAN/.test(stage) && typeof indexName === 'string') {
    const bounds = Object.values(indexBounds ?? {}).flat();
    return {
      index: indexName,
      narrowed: bounds.some((bound) => !/^\[(MinKey|MaxKey), (MinKey|MaxKey)\]$/.test(String(bound))),
    };
  }
  const name = node['Index Name'];
  return typeof name === 'string' ? { index: name, narrowed: node['Index Cond'] !== undefined } : undefined;
}

/** The node and all below it. Plans that lost (`rejectedPlans`) are not below it. */
function* nodesIn(value: unknown): Generator<Node> {
  if (Array.isArray(value)) for (const item of value) yield* nodesIn(item);
  else if (typeof value === 'object' && value !== null) {
    yield value as Node;
    for (const member of Object.values(value)) yield* nodesIn(member);
  }
}

function child(value: unknown, name: string): Node | undefined {
  const found = typeof value === 'object' && value !== null ? (value as Node)[name] : undefined;
  return typeof found === 'object' && found !== null ? (found as Node) : undefined;
}
