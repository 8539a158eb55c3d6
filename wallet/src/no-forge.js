/* In the place of node-forge: the SDK opens key files with it, and this page never sees a key. */

export default {};
