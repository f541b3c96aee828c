for (const n of process.argv.slice(2)) {
  const m = await import(`./benchmarks/${n}.mjs`);
  console.table(await m.run());
}
