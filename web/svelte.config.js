// Read by svelte-check and editors; the build takes its options from screens.ts.
export default { compilerOptions: { runes: true } };
