// Where the worker's files are: beside it, unless it was started through a blob that names the place (embed/machine).
export const beside = (name: string): URL =>
  new URL(name, (self as { iommuBase?: string }).iommuBase ?? self.location.href);
