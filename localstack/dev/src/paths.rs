//! Where everything lies.

use std::fs;
use std::path::{Path, PathBuf};

use crate::failure::{Context, Result};

#[derive(Debug, Clone)]
pub(crate) struct Paths {
    root: PathBuf,
    state_dir: PathBuf,
    /// Where the Python environments are; a stack beside another one shares them.
    environments: PathBuf,
    /// This program, where it was when it started. Later the system may call it deleted: a build that runs meanwhile puts
    /// another in its place.
    program: PathBuf,
}

impl Paths {
    pub(crate) fn new(state_dir: &Path, program: PathBuf) -> Self {
        // This crate is compiled in the checkout that it serves: `cargo dev` works from any folder of it.
        let mut root = PathBuf::from(env!("CARGO_MANIFEST_DIR"));
        root.pop();
        root.pop();
        let state_dir = root.join(state_dir);
        Self { root, environments: state_dir.clone(), state_dir, program }
    }

    /// For another stack, which keeps its things in a folder among those of this one.
    pub(crate) fn beneath(&self, name: &str) -> Self {
        Self { state_dir: self.state_dir.join(name), ..self.clone() }
    }

    pub(crate) fn environment(&self, name: &str) -> PathBuf {
        self.environments.join(format!("venv-{name}"))
    }

    pub(crate) fn program(&self) -> &Path {
        &self.program
    }

    pub(crate) fn root(&self) -> &Path {
        &self.root
    }

    pub(crate) fn state_dir(&self) -> &Path {
        &self.state_dir
    }

    pub(crate) fn template(&self) -> PathBuf {
        self.root.join("template.yaml")
    }

    pub(crate) fn deploy_script(&self) -> PathBuf {
        self.root.join("localstack/deploy.py")
    }

    pub(crate) fn grants_script(&self) -> PathBuf {
        self.root.join("localstack/grants.py")
    }

    pub(crate) fn dlq_script(&self) -> PathBuf {
        self.root.join("localstack/dlq")
    }

    /// What `cargo dev recovery` runs.
    pub(crate) fn recovery_script(&self) -> PathBuf {
        self.root.join("localstack/recovery")
    }

    /// What `cargo dev search` runs.
    pub(crate) fn search_script(&self) -> PathBuf {
        self.root.join("localstack/search")
    }

    /// The clients in TypeScript.
    pub(crate) fn clients(&self) -> PathBuf {
        self.root.join("clients")
    }

    /// The web client, built.
    pub(crate) fn site(&self) -> PathBuf {
        self.clients().join("web/dist")
    }

    pub(crate) fn emulator(&self) -> PathBuf {
        self.root.join("localstack/emulator")
    }

    pub(crate) fn launcher(&self) -> PathBuf {
        self.emulator().join("launch.py")
    }

    pub(crate) fn state_file(&self) -> PathBuf {
        self.state_dir.join("state.json")
    }

    pub(crate) fn lock_file(&self) -> PathBuf {
        self.state_dir.join("lock")
    }

    pub(crate) fn keys(&self) -> PathBuf {
        self.state_dir.join("keys")
    }

    /// What the identity provider publishes, as files for a stack that reads them so.
    pub(crate) fn oidc_files(&self) -> PathBuf {
        self.state_dir.join("oidc")
    }

    pub(crate) fn data(&self) -> PathBuf {
        self.state_dir.join("data")
    }

    pub(crate) fn build(&self) -> PathBuf {
        self.state_dir.join("build")
    }

    pub(crate) fn log(&self, name: &str) -> PathBuf {
        self.state_dir.join("logs").join(format!("{name}.log"))
    }

    pub(crate) fn create(&self) -> Result<()> {
        for dir in [self.state_dir.clone(), self.state_dir.join("logs"), self.build()] {
            fs::create_dir_all(&dir).context(|| format!("cannot create {}", dir.display()))?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stack_beneath_another_has_its_own_things_and_shares_the_environments() {
        let usual = Paths::new(Path::new(".tidings"), PathBuf::from("tidings-dev"));
        let beneath = usual.beneath("chaos");
        assert_eq!(beneath.data(), usual.state_dir().join("chaos/data"));
        assert_eq!(beneath.environment("emulator"), usual.environment("emulator"));
    }
}
