/** The names that spans of the engine give to their attributes: `trunkline.engine.session_id`. */
export function engineAttributes(attributes: Readonly<Record<string, unknown>>): Record<string, unknown> {
  return Object.fromEntries(Object.entries(attributes).map(([name, value]) => [`trunkline.engine.${name}`, value]));
}
