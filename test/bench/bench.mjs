import * as append from './benchmarks/append.mjs';
console.log(await append.run());
