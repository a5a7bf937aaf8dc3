import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { injectConnectionId } from "./page-html.ts";

const id = "MTIz~abc=";
const attribute = `data-trunkline-connection="${id}"`;
const put = (html: string): string => injectConnectionId(html, id);

describe("injectConnectionId", () => {
  it.each([
    ["<body>", `<body ${attribute}>`],
    ["<body class=dark>", `<body ${attribute} class=dark>`],
    ["<BODY\nid='x'>", `<BODY ${attribute}\nid='x'>`],
    ["<body/>", `<body ${attribute}/>`],
    [
      "\ufeff <!doctype html><html><head></head><body>x<body>",
      `\ufeff <!doctype html><html><head></head><body ${attribute}>x<body>`,
    ],
    ["<body title='<body>'>", `<body ${attribute} title='<body>'>`],
  ])("P-15 puts the id on the first body tag of %j", (html, expected) => {
    expect(put(html)).toBe(expected);
  });

  it.each([
    "<html><p>x</p></html>",
    "<bodyx>",
    "<body-guard>",
    "</body>",
    "< body>",
    "<body",
    "<body class='dark>",
    "",
    "plain text",
    '{"body":1}',
    '{"html":"<body>"}',
    '["<html><body>"]',
    '"<body>"',
    "null",
  ])("P-15 leaves %j as it is", (text) => {
    expect(put(text)).toBe(text);
  });

  it.each([
    "<!-- <body> -->",
    "<!-- a > <body> -- > <body> --!>",
    "<!--><!---><!-- <body>--><!----!>",
    "<!doctype html SYSTEM 'x'>",
    "<?php '<body' ?>",
    "</ <body>",
    "<script>document.write('<body>')</script>",
    "<script>if (a</script x && '<body>')</SCRIPT >",
    "<script><!-- <script> '<body>' </script> '<body>' --> '<body>' </script>",
    "<script><!-- '<body>' </script>",
    "<script><!--> '<script><body>' </script>",
    "<SCRIPT/>'<body>'</script>",
    "<script>'</scriptx><body>'</script>",
    "<style>/* <body> */</style>",
    "<title><body></title>",
    "<noscript><body></noscript>",
    "<textarea><body></textarea >",
    "<iframe><body></iframe>",
    "<template><body></template>",
    "<template><template><body></template><body></template>",
    "</template>",
    "<html data-x='<body>' lang=\"<body>\">",
    "<html data-x=<body>",
    "<html a=1/b='>",
    "<meta content = '<body>'/>",
    "<html =x='<body>' x=>",
    "1 < 2 <3 <",
  ])("P-15 finds the tag behind %j", (before) => {
    const html = (body: string): string => `<html>${before}${body}<p>rest</p><body>`;
    expect(put(html("<body id=a>"))).toBe(html(`<body ${attribute} id=a>`));
  });

  it("P-15 finds none in what has no end", () => {
    for (const before of [
      "<!-- ",
      "<script>",
      "<script><!-- <script></script>",
      "<title>",
      "<template>",
      "<plaintext>",
      "<!x",
      "<a b='",
    ])
      expect(put(`<html>${before}<body>`)).toBe(`<html>${before}<body>`);
  });

  it.each([
    ["<body data-trunkline-connection=old>", `<body ${attribute}>`],
    ['<body a=1 DATA-Trunkline-Connection = "o>ld" b=2>', `<body a=1 ${attribute} b=2>`],
    ["<body data-trunkline-connection>", `<body ${attribute}>`],
    ["<body data-trunkline-connection='x'class=y>", `<body ${attribute}class=y>`],
    [
      "<body data-trunkline-connection=1 data-trunkline-connection=2>",
      `<body ${attribute} data-trunkline-connection=2>`,
    ],
    ["<body x-data-trunkline-connection=1>", `<body ${attribute} x-data-trunkline-connection=1>`],
    ["<body a='data-trunkline-connection=1'>", `<body ${attribute} a='data-trunkline-connection=1'>`],
  ])("P-15 replaces the one that is in %j", (html, expected) => {
    expect(put(html)).toBe(expected);
  });

  it("P-15 escapes what would end the attribute", () => {
    expect(injectConnectionId("<body>", `"><script>&'$&$1`)).toBe(
      `<body data-trunkline-connection="&quot;&gt;&lt;script&gt;&amp;'$&amp;$1">`,
    );
  });

  it("P-15 changes nothing but what it adds", () => {
    const part = fc.constantFrom(
      "<body",
      "<",
      ">",
      "body",
      " ",
      "=",
      "'",
      '"',
      "/",
      "<!--",
      "-->",
      "<script",
      "</script",
      "<template>",
      "</template>",
      "<title>",
      "x",
      "\n",
    );
    fc.assert(
      fc.property(fc.array(part, { maxLength: 30 }), (parts) => {
        const html = `<html>${parts.join("")}`;
        const changed = put(html);
        if (changed !== html) expect(changed.replace(` ${attribute}`, "")).toBe(html);
        // Once it is there it is replaced.
        expect(put(changed)).toBe(changed);
      }),
      { numRuns: 1000 },
    );
  });

  // Where time grew with the square of the length, each of these would take minutes: the test's own limit tells.
  it.each([
    "<",
    "<!",
    "<!-",
    "<!--",
    "<!--x--",
    "<a",
    "<a ",
    "<a b",
    "<a b=",
    "<a b='",
    "<a b= ",
    "<a/",
    "</",
    "</a ",
    "<script>",
    "<script><!--",
    "<script><!-- <script>",
    "<title>",
    "<title></title",
    "<template>",
    " ",
    "<body ",
    "<body a=",
    "<x>",
    "<x y='>'>",
    "<p =",
    "<a \n",
  ])("P-15 reads a megabyte of %j in linear time", (piece) => {
    const long = `<html>${piece.repeat(Math.ceil(1_000_000 / piece.length))}`;
    expect(put(long).length).toBeGreaterThanOrEqual(long.length);
  });
});
