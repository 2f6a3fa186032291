//! `import` and `export`: between the bytes of a fuzzer and the text of a schedule.

use std::fs;
use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;

use super::{Error, files};

#[derive(clap::Args)]
pub(crate) struct ImportArguments {
    /// The artifact
    path: PathBuf,
}

#[derive(clap::Args)]
pub(crate) struct ExportArguments {
    /// Texts, or folders of texts
    #[arg(required = true)]
    paths: Vec<PathBuf>,
    /// Where the bytes go: a file each, named as the text; made if it is missing
    #[arg(long)]
    to: PathBuf,
}

pub(super) fn import(arguments: &ImportArguments, out: &mut impl Write) -> Result<ExitCode, Error> {
    let schedule = files::read(&arguments.path)?;
    write!(out, "{schedule}")?;
    Ok(ExitCode::SUCCESS)
}

pub(super) fn export(arguments: &ExportArguments, out: &mut impl Write) -> Result<ExitCode, Error> {
    fs::create_dir_all(&arguments.to).map_err(Error::file(&arguments.to))?;
    let mut count = 0;
    for path in &arguments.paths {
        for text in files::find(path)? {
            let schedule = files::read(&text)?;
            let name = text.file_stem().unwrap_or(text.as_os_str());
            files::write_whole(&arguments.to.join(name), &schedule.to_bytes())?;
            count += 1;
        }
    }
    writeln!(out, "{count} written to {}", arguments.to.display())?;
    Ok(ExitCode::SUCCESS)
}
