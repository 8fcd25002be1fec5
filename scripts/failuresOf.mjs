/** The failed tests of a report of Vitest, with what they say. A file that cannot be loaded has no tests that could fail. */
export function failuresOf({ testResults }) {
  return testResults.flatMap(({ name, message, status, assertionResults }) => {
    const failed = assertionResults.filter((test) => test.status === "failed");
    if (status === "failed" && failed.length === 0) return [`${name} ${message}`];
    return failed.map((test) => `${test.fullName}\n${test.failureMessages.join("\n").slice(0, 1000)}`);
  });
}
