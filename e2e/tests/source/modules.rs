//! Where the source of a module stands, for tests that follow the modules of a crate.

use std::path::{Path, PathBuf};

use syn::{Expr, ItemMod, Lit};

/// The file of a module that is declared without its content: the one that `#[path]` names, or the usual one. `folder`
/// holds the files of the declaring module's children. `None` if there is no such file.
pub(crate) fn module_file(module: &ItemMod, folder: &Path) -> Option<PathBuf> {
    let name = module.ident.to_string();
    let path = module.attrs.iter().find(|attribute| attribute.path().is_ident("path"));
    if let Some(Expr::Lit(literal)) =
        path.and_then(|attribute| attribute.meta.require_name_value().ok()).map(|pair| &pair.value)
        && let Lit::Str(text) = &literal.lit
    {
        return Some(folder.join(text.value())).filter(|file| file.is_file());
    }
    let usual = [folder.join(format!("{name}.rs")), folder.join(&name).join("mod.rs")];
    usual.into_iter().find(|file| file.is_file())
}
