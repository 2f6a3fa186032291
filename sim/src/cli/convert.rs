//! `import` and `export`: between the bytes of a fuzzer and the text of a schedule, and from there
//! to a test of Bitcoin Core's.

use std::collections::BTreeSet;
use std::ffi::OsStr;
use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use sockman_sim::functional;

use super::interrupts::Interrupts;
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
    /// Where the files go: one each, named as the text; made if it is missing
    #[arg(long)]
    to: PathBuf,
    /// Write tests for Bitcoin Core's functional test framework instead of bytes for a fuzzer
    #[arg(long)]
    functional_test: bool,
}

pub(super) fn import(arguments: &ImportArguments, out: &mut impl Write) -> Result<ExitCode, Error> {
    let schedule = files::read(&arguments.path)?.schedule;
    write!(out, "{schedule}")?;
    Ok(ExitCode::SUCCESS)
}

pub(super) fn export(arguments: &ExportArguments, out: &mut impl Write) -> Result<ExitCode, Error> {
    fs::create_dir_all(&arguments.to).map_err(Error::file(&arguments.to))?;
    let texts = files::find_all(&arguments.paths)?;
    let interrupts = Interrupts::catch()?;
    let mut written = BTreeSet::new();
    for text in &texts {
        if interrupts.came() {
            break;
        }
        let schedule = files::read(text)?.schedule;
        let named = arguments.to.join(name_of(text));
        let to = if arguments.functional_test { named.with_extension("py") } else { named };
        if !written.insert(to.clone()) {
            let problem = format!("{}: two schedules would be written there", to.display());
            return Err(Error::Usage(problem));
        }
        if !arguments.functional_test {
            files::write_whole(&to, &schedule.to_bytes())?;
            continue;
        }
        match functional::export(&schedule) {
            Ok(test) => files::write_whole(&to, test.as_bytes())?,
            Err(names) => {
                written.remove(&to);
                let names: Vec<_> = names.into_iter().collect();
                writeln!(out, "{}: not written: {}", text.display(), names.join("; "))?;
            }
        }
    }
    if interrupts.came() {
        write!(out, "interrupted: of {}, ", texts.len())?;
    }
    writeln!(out, "{} written to {}", written.len(), arguments.to.display())?;
    Ok(interrupts.status().unwrap_or(ExitCode::SUCCESS))
}

/// What a schedule is called: its file's name, or its folder's if it is that of a failure.
fn name_of(text: &Path) -> &OsStr {
    let in_folder = text.file_name().is_some_and(|name| name == files::FAILED_SCHEDULE);
    let named = if in_folder { text.parent().and_then(Path::file_name) } else { text.file_stem() };
    named.unwrap_or(text.as_os_str())
}
