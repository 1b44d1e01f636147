// Parts of an answer that are its own: a page around an embed may have put anything on all objects.

/** Whether a value has a part itself, and not by its prototype. */
export const has = <T extends object, K extends string>(
  value: T,
  key: K,
): value is Extract<T, Partial<Record<K, unknown>>> => Object.hasOwn(value, key);
