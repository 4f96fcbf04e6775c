// Measures the library beside plain Effect and beside the language: `pnpm bench --help`.
import { alternating } from "./cases/alternating.ts"
import { arcUse } from "./cases/arc.ts"
import { bracketAsync } from "./cases/bracket-async.ts"
import { bracketServices } from "./cases/bracket-services.ts"
import { bracket, bracketSucceed } from "./cases/bracket.ts"
import { exploreSchedules } from "./cases/explore.ts"
import { guard } from "./cases/guard.ts"
import { limit } from "./cases/limit.ts"
import { mapDrop } from "./cases/map.ts"
import { one } from "./cases/one.ts"
import { openClosure, openNode } from "./cases/open.ts"
import { scopeAsync, scopeSync } from "./cases/scope.ts"
import { sizeAsync, sizeSync } from "./cases/size.ts"
import { storeMany } from "./cases/store-many.ts"
import { storeHit, storeIdle, storeKept, storeMiss } from "./cases/store.ts"
import { parseOptions, usage } from "./runner/options.ts"
import { run } from "./runner/run.ts"

const options = parseOptions(process.argv.slice(2))

if (options.help) console.log(usage)
else {
  await run({
    groups: [
      bracket,
      bracketSucceed,
      bracketAsync,
      bracketServices,
      limit,
      one,
      ...scopeSync,
      ...scopeAsync,
      sizeSync,
      sizeAsync,
      ...alternating,
      guard,
      arcUse,
      ...mapDrop,
      storeHit,
      storeIdle,
      storeMiss,
      storeKept,
      ...storeMany,
      exploreSchedules
    ],
    open: [openNode, openClosure]
  }, options)
}
