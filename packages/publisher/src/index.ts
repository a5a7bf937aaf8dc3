// Publishing from any process.
export {};
