//! Where everything lies.

use std::fs;
use std::path::{Path, PathBuf};

use crate::failure::{Context, Result};

#[derive(Debug, Clone)]
pub(crate) struct Paths {
    root: PathBuf,
    state_dir: PathBuf,
}

impl Paths {
    pub(crate) fn new(state_dir: &Path) -> Self {
        // This crate is compiled in the checkout that it serves: `cargo dev` works from any folder of it.
        let mut root = PathBuf::from(env!("CARGO_MANIFEST_DIR"));
        root.pop();
        root.pop();
        let state_dir = root.join(state_dir);
        Self { root, state_dir }
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
