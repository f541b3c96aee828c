/** The architecture as rules: what may import what. `npm run lint` runs them; docs/architecture.md shows the picture. */
const CONTEXTS = '^src/(workers|coaching|subscriptions|creation|agents)/';
module.exports = {
  forbidden: [
    { name: 'no-circular', severity: 'error', from: {}, to: { circular: true } },
    {
      name: 'a-context-never-imports-another',
      severity: 'error',
      from: { path: CONTEXTS },
      to: { path: CONTEXTS, pathNot: '^src/$1/' },
    },
    {
      name: 'platform-imports-no-context',
      severity: 'error',
      from: { path: '^src/platform/' },
      to: { path: CONTEXTS },
    },
    {
      // Pure themselves, by the next rule: times, and the clock of idle rules.
      name: 'domain-imports-nothing-but-the-language-and-time',
      severity: 'error',
      from: { path: '^src/[^/]+/domain/', pathNot: '\\.spec\\.ts$' },
      to: { pathNot: '^src/([^/]+/domain|platform/time)/' },
    },
    {
      name: 'contracts-are-made-of-the-domain-and-schemas',
      severity: 'error',
      from: { path: '^src/([^/]+)/contracts/', pathNot: '^src/platform/|\\.spec\\.ts$' },
      to: { pathNot: '^src/($1/(contracts|domain)|platform/contracts)/|node_modules/typebox/' },
    },
    {
      name: 'schemas-are-written-in-contracts',
      severity: 'error',
      from: { path: '^src/', pathNot: '^src/[^/]+/contracts/' },
      to: { path: 'node_modules/typebox/' },
    },
    {
      name: 'time-imports-nothing-but-the-language',
      severity: 'error',
      from: { path: '^src/platform/time/', pathNot: '\\.spec\\.ts$' },
      to: { pathNot: '^src/platform/time/' },
    },
    {
      name: 'commands-and-queries-know-no-door',
      severity: 'error',
      from: { path: '^src/[^/]+/(domain|commands|queries|projections|gateways)/', pathNot: '\\.spec\\.ts$' },
      to: { path: '^src/[^/]+/(http|jobs)/', pathNot: '^src/platform/' },
    },
    {
      name: 'the-service-does-not-know-the-simulated-lab',
      severity: 'error',
      from: { path: '^src/', pathNot: '^src/(simulated-lab|cli)/|\\.spec\\.ts$' },
      to: { path: '^src/simulated-lab/' },
    },
    {
      // Over HTTP, and its own types of the answers; test/page holds those against the service's.
      name: 'the-page-knows-the-service-by-its-answers',
      severity: 'error',
      from: { path: '^src/page/' },
      to: { path: '^src/', pathNot: '^src/page/' },
    },
    {
      name: 'the-service-does-not-know-the-page',
      severity: 'error',
      from: { path: '^src/', pathNot: '^src/page/' },
      to: { path: '^src/page/' },
    },
    {
      name: 'sources-do-not-import-tests',
      severity: 'error',
      from: { path: '^src/', pathNot: '\\.spec\\.ts$' },
      to: { path: '^test/' },
    },
  ],
  options: {
    doNotFollow: { path: 'node_modules' },
    tsPreCompilationDeps: true,
    tsConfig: { fileName: 'tsconfig.json' },
    enhancedResolveOptions: { exportsFields: ['exports'], conditionNames: ['import', 'require', 'node', 'default'] },
  },
};
