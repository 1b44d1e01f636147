//! Says to the command line tool which page it carries: `page/iommu-playground.html`, if it is there.

use std::path::PathBuf;

fn main() -> std::io::Result<()> {
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rerun-if-changed=page");
    let here = PathBuf::from(std::env::var_os("CARGO_MANIFEST_DIR").unwrap_or_default());
    let out = PathBuf::from(std::env::var_os("OUT_DIR").unwrap_or_default());
    let page = here.join("page/iommu-playground.html");
    let value = if page.exists() { format!("Some(include_bytes!({page:?}))") } else { String::from("None") };
    let text =
        format!("/// The page in one file, where this build has it.\nconst PAGE: Option<&[u8]> = {value};\n");
    std::fs::write(out.join("page.rs"), text)
}
