//! Launching a kernel that is written in WGSL.

use core::{fmt::Debug, hash::Hash};

use burn_cubecl::{cubecl, tensor::CubeTensor};
use cubecl::{
    CubeKernel, PrecompiledSource,
    ir::{ElemType, Scope, UIntKind, attributes::BufferIOAttr as Io, metadata::Info},
    prelude::*,
    server::{KernelArguments, MetadataBindingInfo},
};

/// How storage that is only read is declared. Only in a browser does every tensor have a buffer of its own; elsewhere
/// they are parts of larger ones, which a dispatch must not bind for reading and for writing at once.
pub(super) const READ: &str = if cfg!(target_family = "wasm") { "read" } else { "read_write" };

/// A kernel, with all that its text depends on.
pub(super) trait Program: Clone + Debug + Eq + Hash + Send + Sync + 'static {
    /// The text. Its entry point is `main`, and the buffers are bound in the order in which they are launched with.
    fn text(&self) -> String;

    /// Threads of a workgroup.
    fn threads(&self) -> usize;
}

/// What a kernel does with a buffer.
pub(super) enum Bound<'a> {
    Read(&'a CubeTensor),
    Written(&'a CubeTensor),
    Changed(&'a CubeTensor),
}

struct Source<P>(P);

impl<P: Program> Source<P> {
    fn threads(&self) -> CubeDim {
        CubeDim::new_1d(self.0.threads() as u32)
    }
}

impl<P: Program> CubeKernel for Source<P> {
    fn define(&self) -> KernelDefinition {
        let settings = KernelSettings::new(self.threads().into(), ExecutionMode::Unchecked, AddressType::U32);
        KernelDefinition { body: Scope::root(settings.clone()), settings, info: Info::default() }
    }

    fn source(&self) -> Option<PrecompiledSource> {
        Some(PrecompiledSource { source: self.0.text(), entrypoint_name: "main".to_owned(), lang: "wgsl" })
    }
}

impl<P: Program> KernelMetadata for Source<P> {
    fn id(&self) -> KernelId {
        KernelId::new::<Self>().info(self.0.clone()).cube_dim(self.threads().into())
    }

    fn address_type(&self) -> ElemType {
        UIntKind::U32.into()
    }
}

/// Runs `program` in as many workgroups, bound to contiguous tensors.
pub(super) fn launch<P: Program>(program: P, workgroups: [usize; 3], buffers: &[Bound<'_>]) {
    run(program, workgroups, buffers, MetadataBindingInfo::default());
}

/// The same with sizes that the text does not have: one `vec4<u32>`, to be bound for reading behind the others.
pub(super) fn launch_sized<P: Program>(
    program: P,
    workgroups: [usize; 3],
    buffers: &[Bound<'_>],
    sizes: [usize; 3],
) {
    let [a, b, c] = sizes.map(|size| u64::from(size as u32));
    run(program, workgroups, buffers, MetadataBindingInfo::custom(vec![a | b << 32, c]));
}

fn run<P: Program>(program: P, workgroups: [usize; 3], buffers: &[Bound<'_>], sizes: MetadataBindingInfo) {
    let (Some(Bound::Read(first) | Bound::Written(first) | Bound::Changed(first)), [x, y, z]) =
        (buffers.first(), workgroups.map(|count| count as u32))
    else {
        return;
    };
    let mut arguments = buffers.iter().fold(KernelArguments::new(), |arguments, buffer| {
        let (tensor, io) = match buffer {
            Bound::Read(tensor) => (tensor, Io::ReadOnly),
            Bound::Written(tensor) => (tensor, Io::WriteOnly),
            Bound::Changed(tensor) => (tensor, Io::ReadWrite),
        };
        arguments.with_buffer_io(tensor.handle.clone().binding(), io)
    });
    arguments.info = sizes;
    first.client.launch(Box::new(Source(program)), CubeCount::Static(x, y, z), arguments);
}
