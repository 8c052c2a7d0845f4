use super::*;

/// Logits of about the spread that a model gives, with ties.
fn logits(len: usize, random: &mut Random) -> Vec<f32> {
    (0..len).map(|_| (random.unit() * random.unit() * 400.0).round() as f32 / 20.0 - 10.0).collect()
}

fn pick(max: usize, random: &mut Random) -> usize {
    (random.unit() * (max + 1) as f64) as usize
}

/// The definition: everything sorted, one filter after the other.
fn naive(logits: &[f32], sampling: &Sampling) -> Vec<Candidate> {
    let mut all: Vec<Candidate> =
        logits.iter().enumerate().map(|(id, logit)| Candidate { id: id as u32, logit: *logit }).collect();
    all.sort_by(Candidate::order);
    if sampling.top_k > 0 {
        all.truncate(sampling.top_k);
    }
    let weight = |logit: f32| f64::from(logit - all[0].logit).exp();
    let total: f64 = all.iter().map(|c| weight(c.logit)).sum();
    if sampling.top_p < 1.0 {
        let mut sum = 0.0;
        let enough = all.iter().position(|c| {
            sum += weight(c.logit) / total;
            sum >= f64::from(sampling.top_p)
        });
        all.truncate(enough.map_or(all.len(), |last| last + 1));
    }
    if sampling.min_p > 0.0 {
        let best = all[0].logit;
        all.retain(|c| c.logit >= best + sampling.min_p.ln());
    }
    all.sort_by_key(|c| c.id);
    all
}

#[test]
fn filters_leave_what_their_definitions_leave() {
    let mut random = Random::new(1);
    for round in 0..400 {
        let len = 1 + pick(if round % 20 == 0 { 30_000 } else { 300 }, &mut random);
        let logits = logits(len, &mut random);
        let sampling = Sampling {
            top_k: [0, 1, pick(40, &mut random), pick(2 * len, &mut random)][pick(3, &mut random)],
            top_p: [1.0, 0.0, 0.97, random.unit() as f32][pick(3, &mut random)],
            min_p: [0.0, 1.0, 0.05, random.unit() as f32][pick(3, &mut random)],
            ..Sampling::default()
        };
        let mut sampler = Sampler::new(sampling.clone()).unwrap();
        sampler.filter(&logits, best(&logits).logit);
        assert_eq!(sampler.candidates, naive(&logits, &sampling), "{len} logits, {sampling:?}");
    }
}

#[test]
fn of_equal_logits_the_lowest_ids_are_kept() {
    let mut sampler =
        Sampler::new(Sampling { top_k: 3, top_p: 1.0, min_p: 0.0, ..Sampling::default() }).unwrap();
    sampler.filter(&[1.0; 5000], 1.0);
    assert_eq!(sampler.candidates.iter().map(|c| c.id).collect::<Vec<_>>(), [0, 1, 2]);
}

#[test]
fn greedy_takes_the_largest_and_of_equals_the_first() {
    let mut greedy = Sampler::new(Sampling::greedy()).unwrap();
    assert_eq!(greedy.sample(&mut [0.0, 3.0, -1.0, 3.0], &[]), Ok(1));
    assert_eq!(greedy.sample(&mut [-5.0], &[]), Ok(0));
    let mut random = Random::new(2);
    for _ in 0..50 {
        let mut logits = logits(500, &mut random);
        let largest = logits.iter().copied().fold(f32::MIN, f32::max);
        let first = logits.iter().position(|logit| *logit == largest).unwrap();
        assert_eq!(greedy.sample(&mut logits, &[]), Ok(first as u32));
    }
}

#[test]
fn penalties_come_first() {
    let sampling = Sampling { presence_penalty: 2.0, ..Sampling::greedy() };
    let mut sampler = Sampler::new(sampling).unwrap();
    assert_eq!(sampler.sample(&mut [0.0, 1.0], &[1]), Ok(0));
}

/// Draws `n` tokens and gives Pearson's statistic against the probabilities of the definition.
fn chi_square(logits: &[f32], sampling: Sampling, n: usize) -> (f64, usize) {
    let kept = naive(logits, &sampling);
    let weight = |c: &Candidate| f64::from(c.logit / sampling.temperature).exp();
    let total: f64 = kept.iter().map(weight).sum();
    let mut sampler = Sampler::new(sampling.clone()).unwrap();
    let mut counts = vec![0usize; logits.len()];
    for _ in 0..n {
        counts[sampler.sample(&mut logits.to_vec(), &[]).unwrap() as usize] += 1;
    }
    let statistic = kept.iter().map(|c| {
        let expected = n as f64 * weight(c) / total;
        (core::mem::take(&mut counts[c.id as usize]) as f64 - expected).powi(2) / expected
    });
    let statistic = statistic.sum();
    assert!(counts.iter().all(|count| *count == 0), "a token was drawn that no filter leaves");
    (statistic, kept.len() - 1)
}

#[test]
fn tokens_are_drawn_with_their_probabilities() {
    let logits = [0.3, -1.0, 2.0, 0.0, 1.1, -0.4, 1.9, 0.8];
    let all = Sampling { top_k: 0, top_p: 1.0, min_p: 0.0, ..Sampling::default() };
    for sampling in [
        Sampling { temperature: 1.0, seed: 7, ..all.clone() },
        Sampling { temperature: 0.5, seed: 8, ..all.clone() },
        Sampling { temperature: 3.0, seed: 9, ..all.clone() },
        Sampling { top_k: 4, seed: 10, ..all.clone() },
        Sampling { top_p: 0.8, seed: 11, ..all.clone() },
        Sampling { min_p: 0.3, seed: 12, ..all.clone() },
    ] {
        let (statistic, freedom) = chi_square(&logits, sampling.clone(), 20_000);
        // The 99.9th percentile of the distribution with seven degrees of freedom, and less would do for fewer.
        assert!(
            freedom > 0 && statistic < 24.3,
            "{statistic} with {freedom} degrees of freedom: {sampling:?}"
        );
    }
}

#[test]
fn a_seed_decides_the_tokens() {
    let draw = |seed| {
        let mut sampler = Sampler::new(Sampling { seed, ..Sampling::default() }).unwrap();
        let mut random = Random::new(3);
        (0..20).map(|_| sampler.sample(&mut logits(100, &mut random), &[]).unwrap()).collect::<Vec<_>>()
    };
    assert_eq!(draw(1), draw(1));
    assert_ne!(draw(1), draw(2));
}

#[test]
fn extreme_settings_choose_a_token() {
    let smallest = f32::from_bits(1);
    for temperature in [smallest, f32::MAX] {
        let mut sampler = Sampler::new(Sampling { temperature, ..Sampling::default() }).unwrap();
        for logits in [vec![f32::MIN, f32::MAX, 0.0], vec![0.0; 3], vec![f32::MIN; 2]] {
            let id = sampler.sample(&mut logits.clone(), &[]).unwrap() as usize;
            assert!(id < logits.len());
        }
        assert_eq!(sampler.sample(&mut [0.0, 20.0], &[]), Ok(1));
    }
}

#[test]
fn logits_that_are_no_numbers_give_no_token() {
    for sampling in [Sampling::greedy(), Sampling::default()] {
        let mut sampler = Sampler::new(sampling).unwrap();
        for bad in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY] {
            let error = sampler.sample(&mut [0.0, bad, 1.0], &[]).unwrap_err();
            assert_eq!(error.code, ErrorCode::MalformedFile);
        }
        assert!(sampler.sample(&mut [], &[]).is_err());
    }
}

/// What is chosen among the most probable tokens is what is chosen among all.
#[test]
fn a_few_candidates_are_enough() {
    let settings = [
        Sampling::greedy(),
        Sampling { temperature: 1.5, top_k: 5, top_p: 1.0, min_p: 0.0, ..Sampling::default() },
        Sampling { temperature: 0.7, top_k: 40, ..Sampling::default() },
        Sampling { temperature: 1.0, top_k: 128, top_p: 0.3, ..Sampling::default() },
    ];
    let mut random = Random::new(7);
    for sampling in settings {
        let [mut among_all, mut among_few] = [(); 2].map(|()| Sampler::new(sampling.clone()).unwrap());
        let enough = among_few.enough().unwrap();
        for _ in 0..50 {
            let mut logits = logits(300, &mut random);
            let mut found: Vec<(u32, f32)> = (0..).zip(logits.iter().copied()).collect();
            found.sort_by(|a, b| b.1.total_cmp(&a.1).then(a.0.cmp(&b.0)));
            found.truncate(enough);
            assert_eq!(among_few.choose(&found), among_all.sample(&mut logits, &[]));
        }
    }
}

#[test]
fn all_logits_are_wanted_where_a_few_are_not_enough() {
    let enough = |sampling| Sampler::new(sampling).unwrap().enough();
    assert_eq!(enough(Sampling { top_k: 0, ..Sampling::default() }), None);
    assert_eq!(enough(Sampling { top_k: 129, ..Sampling::default() }), None);
    assert_eq!(enough(Sampling { repetition_penalty: 1.1, ..Sampling::greedy() }), None);
    assert!(Sampler::new(Sampling::greedy()).unwrap().choose(&[]).is_err());
}
