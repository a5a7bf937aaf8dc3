import { redisBrokerDefaults } from "@trunkline/broker-redis";
import { expect, it } from "vitest";
import { channelName, defaultNamespace } from "./channel-name.ts";

it("D-04 a channel name is namespace, slash, group", () => {
  expect(channelName("sock-drawer", "model_create")).toBe("sock-drawer/model_create");
  expect(channelName(defaultNamespace, "model_create")).toBe("trunkline/model_create");
  expect(channelName("shop", "orders/eu/new")).toBe("shop/orders/eu/new");
});

it("D-04 a namespace is one part and no pattern, and a group is not empty", () => {
  for (const [namespace, group] of [
    ["a/b", "c"],
    ["a*", "c"],
    ["", "c"],
    ["a", ""],
    ["a", "*"],
    ["a", "b\n"],
    ["a", "x".repeat(512)],
  ] as const) {
    expect(() => channelName(namespace, group)).toThrow(expect.objectContaining({ code: "usage.bad-argument" }));
  }
});

it("D-02 R-20 the default namespace is trunkline, in Redis too", () => {
  expect(defaultNamespace).toBe("trunkline");
  expect(redisBrokerDefaults.prefix).toBe(defaultNamespace);
});
