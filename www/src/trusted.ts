// Addresses of our own scripts, for pages that want Trusted Types: their policy names iommu-playground (`trusted-types`).

interface Rules {
  createScriptURL(url: string): string;
}
interface Scope {
  trustedTypes?: { createPolicy(name: string, rules: Rules): Rules };
  /** A worker's policy, made by the script that began it: a name is given once. */
  iommuPolicy?: Rules | null;
}

const NAME = "iommu-playground";

/** The address as what the browser takes for a script; as it is where none is wanted, or the page does not name us. */
export function scriptUrl(url: string): string {
  const scope = self as unknown as Scope;
  if (scope.iommuPolicy === undefined) {
    try {
      scope.iommuPolicy = scope.trustedTypes?.createPolicy(NAME, { createScriptURL: (own) => own }) ?? null;
    } catch {
      scope.iommuPolicy = null;
    }
  }
  return scope.iommuPolicy?.createScriptURL(url) ?? url;
}

/** The text of a worker that loads a script from elsewhere, with its policy. */
export const loader = (base: string, script: string): string =>
  `self.iommuBase=${JSON.stringify(base)};try{self.iommuPolicy=self.trustedTypes?.createPolicy("${NAME}",` +
  `{createScriptURL:u=>u})??null}catch{self.iommuPolicy=null}` +
  `const u=${JSON.stringify(script)};importScripts(self.iommuPolicy?self.iommuPolicy.createScriptURL(u):u)`;
