// The page's entry: loads the core and hands over to the views.
import init, { version } from "iommu-wasm";

await init();
document.getElementById("app")?.append(version());
