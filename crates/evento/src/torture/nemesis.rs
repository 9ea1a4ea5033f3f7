//! The faults, and how each is made and healed.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use evento_engine::Chance;
use evento_log::failpoint;
use rustix::process::{Signal, kill_process};

use super::arena::Arena;
use super::disks::Disk;

/// Acknowledgements between two faults at most.
const PER_CYCLE: u64 = 160;
/// How long a named point is waited for before the server is killed anyhow.
const POINT_MAX: Duration = Duration::from_secs(1);
/// Furthest jump of the clock, in seconds.
const JUMP_MAX: u64 = 10 * 365 * 86_400;

/// A fault.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum Fault {
    Kill,
    KillAt(&'static str),
    Stop,
    FunctionKill,
    Clock,
    PowerCut,
    DiskFull {
        restart: bool,
    },
    /// None: what must hold always must hold in peace, too.
    Calm,
}

impl std::fmt::Display for Fault {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Fault::Kill => f.write_str("kill"),
            Fault::KillAt(point) => write!(f, "kill at {point}"),
            Fault::Stop => f.write_str("stop"),
            Fault::FunctionKill => f.write_str("function kill"),
            Fault::Clock => f.write_str("clock"),
            Fault::PowerCut => f.write_str("power cut"),
            Fault::DiskFull { .. } => f.write_str("full disk"),
            Fault::Calm => f.write_str("calm"),
        }
    }
}

/// The named points of this build.
pub(super) fn points() -> &'static [&'static str] {
    if failpoint::ARMABLE { failpoint::POINTS } else { &[] }
}

/// The library that shifts a process's clock, if it is installed.
pub(super) fn faketime() -> Option<PathBuf> {
    let folders = std::fs::read_dir("/usr/lib").ok()?.flatten().map(|entry| entry.path());
    folders
        .chain([PathBuf::from("/usr/lib64"), PathBuf::from("/usr/local/lib")])
        .map(|folder| folder.join("faketime/libfaketimeMT.so.1"))
        .find(|library| library.exists())
}

/// The environment of every start with a planted bug: a server whose syncs are lies.
pub(super) fn planted() -> Vec<(String, String)> {
    vec![("EVENTO_FAILPOINT".to_owned(), failpoint::LYING_SYNC.to_owned())]
}

/// Makes faults in an arena.
pub(super) struct Nemesis<'a> {
    disk: Option<&'a Disk>,
    /// The file that says by how much the clock is off.
    clock: Option<PathBuf>,
    faketime: Option<&'a Path>,
}

impl<'a> Nemesis<'a> {
    pub(super) fn new(scratch: &Path, disk: Option<&'a Disk>, faketime: Option<&'a Path>) -> Nemesis<'a> {
        Nemesis { disk, clock: faketime.map(|_| scratch.join("clock")), faketime }
    }

    /// Lets the clients do some work, makes the fault, heals it.
    pub(super) fn strike(&self, arena: &mut Arena, fault: &Fault, chance: &mut Chance) -> Result<(), String> {
        arena.progress(1 + chance.up_to(PER_CYCLE))?;
        match fault {
            Fault::Kill => self.kill(arena),
            Fault::KillAt(point) => self.kill_at(arena, point, chance),
            Fault::Stop => stop(arena, chance),
            Fault::FunctionKill => function_kill(arena),
            Fault::Clock => self.jump(arena, chance),
            Fault::PowerCut => self.cut(arena),
            Fault::DiskFull { restart } => self.fill(arena, *restart, chance),
            Fault::Calm => Ok(()),
        }
    }

    fn kill(&self, arena: &mut Arena) -> Result<(), String> {
        arena.fault("kill");
        arena.server()?.kill();
        arena.hide();
        self.start(arena, None)
    }

    /// Starts the server so that it kills itself at a point, and waits for that.
    fn kill_at(&self, arena: &mut Arena, point: &str, chance: &mut Chance) -> Result<(), String> {
        arena.fault("kill");
        arena.server()?.kill();
        arena.hide();
        let times = 1 + chance.up_to(if failpoint::rare(point) { 3 } else { 60 });
        self.arm(arena, Some(format!("{point}:{times}")));
        // It may come to its point before it is ready: that is a kill like any other.
        let started = arena.start_server();
        if started.is_ok() {
            arena.fault(&format!("kill at {point}"));
            let (began, until) = (Instant::now(), Instant::now() + POINT_MAX);
            while !arena.server()?.ended() && Instant::now() < until {
                // What happens at a checkpoint happens when a server ends in order.
                if failpoint::at_end(point) && began.elapsed() > POINT_MAX / 8 {
                    arena.server()?.signal(Signal::TERM);
                }
                std::thread::sleep(Duration::from_millis(2));
            }
            arena.server()?.kill();
        }
        arena.hide();
        self.start(arena, None)
    }

    fn arm(&self, arena: &mut Arena, point: Option<String>) {
        let mut environment: Vec<(String, String)> = Vec::new();
        environment.extend(point.map(|point| ("EVENTO_FAILPOINT".to_owned(), point)));
        if let (Some(library), Some(clock)) = (self.faketime, &self.clock) {
            let text = |path: &Path| path.display().to_string();
            environment.extend([
                ("LD_PRELOAD".to_owned(), text(library)),
                ("FAKETIME_TIMESTAMP_FILE".to_owned(), text(clock)),
                ("FAKETIME_NO_CACHE".to_owned(), "1".to_owned()),
                ("FAKETIME_DONT_FAKE_MONOTONIC".to_owned(), "1".to_owned()),
            ]);
        }
        arena.start.environment = environment;
    }

    fn start(&self, arena: &mut Arena, point: Option<String>) -> Result<(), String> {
        self.arm(arena, point);
        arena.start_server()
    }

    /// Another offset of the wall clock from now on.
    fn jump(&self, arena: &mut Arena, chance: &mut Chance) -> Result<(), String> {
        let Some(clock) = &self.clock else { return Ok(()) };
        let seconds = chance.up_to(JUMP_MAX);
        let sign = if chance.up_to(1) == 0 { '+' } else { '-' };
        let began = !clock.exists();
        std::fs::write(clock, format!("{sign}{seconds}\n")).map_err(|error| format!("the clock's file: {error}"))?;
        arena.fault(&format!("clock {sign}{seconds} s"));
        // The library is loaded by a start.
        if began { self.kill(arena) } else { Ok(()) }
    }

    fn cut(&self, arena: &mut Arena) -> Result<(), String> {
        let disk = self.disk.ok_or("no disk to cut off")?;
        arena.fault("power-cut");
        disk.cut()?;
        arena.server()?.kill_all();
        arena.hide();
        disk.power_on()?;
        arena.start_server()
    }

    fn fill(&self, arena: &mut Arena, restart: bool, chance: &mut Chance) -> Result<(), String> {
        let disk = self.disk.ok_or("no disk to fill")?;
        arena.fault("disk-full");
        disk.fill()?;
        arena.refused(1 + chance.up_to(40))?;
        if restart {
            arena.server()?.kill();
            arena.hide();
            match self.start(arena, None) {
                Ok(()) => arena.refused(1)?,
                // Whoever filled it may have taken the reserve as well: then not even a start has room.
                Err(why) if why.contains("EV4005") => {
                    disk.free()?;
                    self.start(arena, None)?;
                    return arena.progress(1);
                }
                Err(why) => return Err(why),
            }
        }
        disk.free()?;
        arena.progress(1)
    }
}

fn stop(arena: &mut Arena, chance: &mut Chance) -> Result<(), String> {
    arena.fault("stop");
    arena.server()?.signal(Signal::STOP);
    std::thread::sleep(Duration::from_millis(20 + chance.up_to(280)));
    arena.server()?.signal(Signal::CONT);
    Ok(())
}

fn function_kill(arena: &mut Arena) -> Result<(), String> {
    arena.fault("function-kill");
    if let Some(pid) = arena.server()?.function() {
        let _ = kill_process(pid, Signal::KILL);
    }
    Ok(())
}
