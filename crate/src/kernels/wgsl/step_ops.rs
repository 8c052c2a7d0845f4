//! The backend extension that brings the kernels of a step to tensors.

use burn::{
    backend::{
        Backend, backend_extension,
        tensor::{FloatTensor, IntTensor},
    },
    tensor::{DType, Shape},
};
use burn_cubecl::{
    CubeBackend, kernel::into_contiguous, ops::numeric::empty_device_contiguous_dtype, tensor::CubeTensor,
};

use super::{
    attention_step_f32::{AttentionStep, Join, SPAN, Span},
    embed_q::Embed,
    gated_f32::GateRows,
    linear_rows_q::{Rows, linear_rows_q},
    linear_step_q::{LinearStep, Then},
    program::{
        Bound::{Changed, Read, Written},
        launch,
    },
    remember_f32::Remember,
    step::Begin,
    top_f32::{Best, Chunks},
};
use crate::kernels::{cube::MOST_CUBES, gated_f32::Gate, linear_q::layout::Format};

/// The operations of a step. Tensors are contiguous; those that are changed belong to the caller alone.
#[allow(clippy::too_many_arguments)] // the extension takes tensors one by one
#[backend_extension(Cube)]
pub(crate) trait StepOps: Backend {
    /// The embedding of the step's token, written to `out`, which is given back, if the piece has it; writes the
    /// step's angles.
    fn embed_step(
        step: IntTensor<Self>,
        angles: FloatTensor<Self>,
        planes: IntTensor<Self>,
        scales: IntTensor<Self>,
        out: FloatTensor<Self>,
        how: Embed,
    ) -> FloatTensor<Self>;

    /// `x: [1, columns]` → what `how` makes of it, in `out`, which is given back. `constants` and `residual` are not read where it has none.
    fn linear_step(
        x: FloatTensor<Self>,
        constants: FloatTensor<Self>,
        planes: IntTensor<Self>,
        scales: IntTensor<Self>,
        residual: FloatTensor<Self>,
        out: FloatTensor<Self>,
        how: LinearStep,
    ) -> FloatTensor<Self>;

    /// The same where it makes queries, in `query`, and keys and values, which are written to the cache.
    fn remember_step(
        x: FloatTensor<Self>,
        constants: FloatTensor<Self>,
        planes: IntTensor<Self>,
        scales: IntTensor<Self>,
        step: IntTensor<Self>,
        query: FloatTensor<Self>,
        keys: FloatTensor<Self>,
        values: FloatTensor<Self>,
        how: LinearStep,
    ) -> FloatTensor<Self>;

    /// The queries of `x: [tokens, all heads]`; keys and values are written to the cache, from the step's position on.
    /// `gamma` is not read where nothing is normalised.
    fn remember_heads(
        x: FloatTensor<Self>,
        step: IntTensor<Self>,
        angles: FloatTensor<Self>,
        keys: FloatTensor<Self>,
        values: FloatTensor<Self>,
        gamma: FloatTensor<Self>,
        how: Remember,
    ) -> FloatTensor<Self>;

    /// The step, set to `words`, its token and its position, with that row of `angles`.
    fn begin_step(
        words: IntTensor<Self>,
        angles: FloatTensor<Self>,
        step: IntTensor<Self>,
    ) -> IntTensor<Self>;

    /// `both: [rows, 2 · width]`, the gate first → `[rows, width]`.
    fn gate_rows(both: FloatTensor<Self>, by: Gate) -> FloatTensor<Self>;

    /// `norm(x) · Wᵀ` of many rows, in packed bytes; see [`super::linear_rows_q`].
    fn normed_rows(
        x: FloatTensor<Self>,
        gamma: FloatTensor<Self>,
        planes: IntTensor<Self>,
        scales: IntTensor<Self>,
        epsilon: f32,
        format: Format,
        outputs: usize,
    ) -> FloatTensor<Self>;

    /// The same of `both: [rows, 2 · columns]`, gated and not normalised, added to `residual`.
    fn gated_rows(
        both: FloatTensor<Self>,
        planes: IntTensor<Self>,
        scales: IntTensor<Self>,
        residual: FloatTensor<Self>,
        by: Gate,
        format: Format,
    ) -> FloatTensor<Self>;

    /// What the step's queries see, of the shape of `query`.
    fn attention_step(
        query: FloatTensor<Self>,
        keys: FloatTensor<Self>,
        values: FloatTensor<Self>,
        step: IntTensor<Self>,
        how: AttentionStep,
    ) -> FloatTensor<Self>;

    /// The `top` best of `logits`, in `result`, which is given back; the step goes on with the first, one position later.
    fn choose_step(
        logits: FloatTensor<Self>,
        step: IntTensor<Self>,
        result: IntTensor<Self>,
        top: usize,
    ) -> IntTensor<Self>;
}

pub(super) fn matrix(like: &CubeTensor, shape: [usize; 2], dtype: DType) -> CubeTensor {
    empty_device_contiguous_dtype(like.client.clone(), like.device.clone(), Shape::new(shape), dtype)
}

pub(super) fn empty(like: &CubeTensor, count: usize, dtype: DType) -> CubeTensor {
    matrix(like, [1, count], dtype)
}

/// At least `count` workgroups.
pub(super) fn groups(count: usize) -> [usize; 3] {
    let x = count.clamp(1, MOST_CUBES);
    [x, count.div_ceil(x), 1]
}

/// What every linear layer reads: `x`, constants and the weight.
fn reads<'a>(
    x: &'a CubeTensor,
    constants: &'a CubeTensor,
    weight: [&'a CubeTensor; 2],
    how: &LinearStep,
) -> Vec<super::program::Bound<'a>> {
    let constants = how.has_constants().then_some(Read(constants));
    [Some(Read(x)), constants].into_iter().flatten().chain(weight.map(Read)).collect()
}

impl StepOps for CubeBackend {
    fn embed_step(
        step: CubeTensor,
        angles: CubeTensor,
        planes: CubeTensor,
        scales: CubeTensor,
        out: CubeTensor,
        how: Embed,
    ) -> CubeTensor {
        let bound = [Changed(&step), Read(&angles), Read(&planes), Read(&scales), Changed(&out)];
        launch(how.clone(), [how.workgroups(), 1, 1], &bound);
        out
    }

    fn linear_step(
        x: CubeTensor,
        constants: CubeTensor,
        planes: CubeTensor,
        scales: CubeTensor,
        residual: CubeTensor,
        out: CubeTensor,
        how: LinearStep,
    ) -> CubeTensor {
        let mut bound = reads(&x, &constants, [&planes, &scales], &how);
        if how.then == Then::Add {
            bound.push(Read(&residual));
        }
        bound.push(Written(&out));
        launch(how.clone(), groups(how.workgroups()), &bound);
        out
    }

    fn remember_step(
        x: CubeTensor,
        constants: CubeTensor,
        planes: CubeTensor,
        scales: CubeTensor,
        step: CubeTensor,
        query: CubeTensor,
        keys: CubeTensor,
        values: CubeTensor,
        how: LinearStep,
    ) -> CubeTensor {
        let mut bound = reads(&x, &constants, [&planes, &scales], &how);
        bound.extend([Read(&step), Written(&query), Changed(&keys), Changed(&values)]);
        launch(how.clone(), groups(how.workgroups()), &bound);
        query
    }

    fn remember_heads(
        x: CubeTensor,
        step: CubeTensor,
        angles: CubeTensor,
        keys: CubeTensor,
        values: CubeTensor,
        gamma: CubeTensor,
        how: Remember,
    ) -> CubeTensor {
        let x = into_contiguous(x);
        let tokens = x.meta.shape()[0];
        let query = matrix(&x, [tokens, how.heads.query * how.heads.width], DType::F32);
        let mut bound = vec![Read(&x), Read(&step), Read(&angles)];
        bound.extend([Written(&query), Changed(&keys), Changed(&values)]);
        if how.norm.is_some() {
            bound.push(Read(&gamma));
        }
        launch(how.clone(), [how.heads(), tokens, 1], &bound);
        query
    }

    fn begin_step(words: CubeTensor, angles: CubeTensor, step: CubeTensor) -> CubeTensor {
        let begin = Begin { angles: angles.meta.shape()[1] };
        launch(begin, [1; 3], &[Read(&words), Read(&angles), Changed(&step)]);
        step
    }

    fn gate_rows(both: CubeTensor, by: Gate) -> CubeTensor {
        let both = into_contiguous(both);
        let (rows, width) = (both.meta.shape()[0], both.meta.shape()[1] / 2);
        let (out, gate) = (matrix(&both, [rows, width], DType::F32), GateRows { width, by });
        launch(gate, [width.div_ceil(64), rows, 1], &[Read(&both), Written(&out)]);
        out
    }

    fn normed_rows(
        x: CubeTensor,
        gamma: CubeTensor,
        planes: CubeTensor,
        scales: CubeTensor,
        epsilon: f32,
        format: Format,
        outputs: usize,
    ) -> CubeTensor {
        linear_rows_q(Rows::Normed(x, gamma, epsilon), [planes, scales], None, format, outputs)
    }

    fn gated_rows(
        both: CubeTensor,
        planes: CubeTensor,
        scales: CubeTensor,
        residual: CubeTensor,
        by: Gate,
        format: Format,
    ) -> CubeTensor {
        let outputs = residual.meta.shape()[1];
        linear_rows_q(Rows::Gated(both, by), [planes, scales], Some(residual), format, outputs)
    }

    fn attention_step(
        query: CubeTensor,
        keys: CubeTensor,
        values: CubeTensor,
        step: CubeTensor,
        how: AttentionStep,
    ) -> CubeTensor {
        // Keys are `[heads, positions, width]`.
        let spans = keys.meta.shape()[1].div_ceil(SPAN);
        let out = empty(&query, how.heads * how.group * how.width, DType::F32);
        let parts = empty(&query, spans * how.heads * how.part(), DType::F32);
        let bound = [Read(&query), Read(&keys), Read(&values), Read(&step), Written(&parts)];
        launch(Span(how.clone()), [spans, how.heads * how.splits(), 1], &bound);
        let join = Join(how);
        launch(join.clone(), [join.workgroups(), 1, 1], &[Read(&parts), Read(&step), Written(&out)]);
        out
    }

    fn choose_step(logits: CubeTensor, step: CubeTensor, result: CubeTensor, top: usize) -> CubeTensor {
        let chunks = Chunks { logits: logits.meta.num_elements(), top };
        let candidates = chunks.workgroups() * top;
        let pairs = empty(&logits, candidates * 2, DType::I32);
        launch(chunks.clone(), [chunks.workgroups(), 1, 1], &[Read(&logits), Written(&pairs)]);
        launch(Best { candidates, top }, [1; 3], &[Changed(&pairs), Changed(&step), Written(&result)]);
        result
    }
}
