//! How far a load has come.

/// Work in stages, which count the same, each in steps whose number is known when it begins.
pub struct Progress<'a> {
    report: &'a dyn Fn(f64),
    stages: usize,
    /// Stages that are over.
    over: usize,
    /// Steps of the stage, and those that are done.
    steps: usize,
    done: usize,
}

impl<'a> Progress<'a> {
    /// Work in so many stages. After every step `report` is told the fraction that is done, 0..1.
    pub fn new(stages: usize, report: &'a dyn Fn(f64)) -> Self {
        Self { report, stages, over: 0, steps: 0, done: 0 }
    }

    /// Work that nobody watches.
    #[cfg(test)]
    pub(crate) fn unwatched() -> Self {
        Self::new(1, &|_| {})
    }

    /// Begins a stage of so many steps.
    pub(crate) fn begin(&mut self, steps: usize) {
        self.over += usize::from(self.steps > 0);
        (self.steps, self.done) = (steps.max(1), 0);
    }

    /// Counts a step.
    pub(crate) fn step(&mut self) {
        self.done += 1;
        let stages = self.over as f64 + self.done as f64 / self.steps as f64;
        (self.report)(stages / self.stages as f64);
    }
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;

    use super::*;

    #[test]
    fn stages_count_the_same_whatever_their_steps() {
        let told = RefCell::new(Vec::new());
        let report = |fraction| told.borrow_mut().push(fraction);
        let mut progress = Progress::new(2, &report);
        progress.begin(1);
        progress.step();
        progress.begin(4);
        (0..4).for_each(|_| progress.step());
        assert_eq!(*told.borrow(), [0.5, 0.625, 0.75, 0.875, 1.0]);
    }
}
