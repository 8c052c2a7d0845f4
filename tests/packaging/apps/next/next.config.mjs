// A site of plain files, so that the tests' own server can serve it under its policy.
export default { output: "export" };
