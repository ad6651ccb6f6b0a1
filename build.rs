//! Rebuilds when a migration appears: `sqlx::migrate!` embeds a folder that cargo does not watch.

#[expect(clippy::print_stdout, reason = "the way a build script talks to cargo")]
fn main() {
    println!("cargo:rerun-if-changed=migrations");
}
