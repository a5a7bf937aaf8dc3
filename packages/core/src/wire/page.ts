/** The attribute of a page's `<body>` that holds its signed connection id (PROTOCOL §15). */
export const connectionAttribute = "data-trunkline-connection";
/** The parameter that carries it in the query of an upgrade or an event stream (PROTOCOL §15). */
export const connectionParam = "connection";
