// Where the files of this build are: beside the script that asks, all in one folder (tools/dist.mjs). A worker that was started
// through a blob is told the place (embed/machine); in a script that is no module it is the page's or the worker's own.
export const beside = (name: string): URL =>
  new URL(name, (self as { iommuBase?: string }).iommuBase ?? import.meta.url);
