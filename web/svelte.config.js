// Runes everywhere: a component that falls back to the old reactivity is an error.
export default { compilerOptions: { runes: true } };
