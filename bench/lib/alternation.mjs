/**
 * Runs every contender once per round, A B C A B C, so that a machine that slows down slows all of them.
 * Gives `{ name: [result per round] }`.
 */
export async function alternate(rounds, contenders, run, title) {
  const results = Object.fromEntries(Object.keys(contenders).map((name) => [name, []]));
  for (let round = 1; round <= rounds; round++) {
    for (const [name, contender] of Object.entries(contenders)) {
      process.stderr.write(`${title}, round ${round} of ${rounds}: ${name}\n`);
      results[name].push(await run(contender, name));
    }
  }
  return results;
}
