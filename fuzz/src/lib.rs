//! What the fuzz targets share: commands that the fuzzer can make up, and a governor that is watched while it obeys them.

mod operation;
mod run;

pub use operation::{Asked, Operation, Setup};
pub use run::Run;
