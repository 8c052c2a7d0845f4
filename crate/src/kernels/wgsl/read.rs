//! Reading what the GPU found.

use core::{future::Future, pin::Pin, task::Poll};
use std::future::poll_fn;

use burn::{
    backend::{BackendTensor, DispatchTensorKind},
    tensor::{Int, Tensor},
};

use crate::{Error, ErrorCode, Result};

/// The words of `tensor` as they are after everything that the GPU was told before this call has ended; it may be told
/// to change them while the result is awaited.
///
/// # Errors
/// `gpu-error` where they cannot be read.
pub(crate) async fn read_words(tensor: Tensor<1, Int>) -> Result<impl Future<Output = Result<Vec<u32>>>> {
    let DispatchTensorKind::Cube(BackendTensor::Int(tensor)) = tensor.into_dispatch().kind else {
        return Err(unreadable("It is on no GPU."));
    };
    let (client, handle) = (tensor.client, tensor.handle);
    let reading = async move { client.read_async(vec![handle]).await };
    // The copy is commanded when the read begins, and that when it is asked for the first time.
    let begun = begin(reading).await;
    Ok(async move {
        let read = begun.await.map_err(|e| unreadable(&e.to_string()))?;
        let bytes = read.first().ok_or_else(|| unreadable("Nothing came."))?;
        Ok(bytes.as_chunks().0.iter().map(|word| u32::from_le_bytes(*word)).collect())
    })
}

/// The first element of `tensor`, which is copied alone and without a kernel.
///
/// # Errors
/// `gpu-error` where it cannot be read.
pub(crate) async fn read_first(tensor: Tensor<2>) -> Result<f32> {
    let DispatchTensorKind::Cube(BackendTensor::Float(tensor)) = tensor.into_dispatch().kind else {
        return Err(unreadable("It is on no GPU."));
    };
    let others = tensor.handle.size_in_used().saturating_sub(4);
    let first = tensor.handle.offset_end(others);
    let read = tensor.client.read_async(vec![first]).await.map_err(|e| unreadable(&e.to_string()))?;
    let word = read.first().and_then(|bytes| bytes.first_chunk());
    word.map(|word| f32::from_le_bytes(*word)).ok_or_else(|| unreadable("Nothing came."))
}

/// Has `future` begin its work, and gives what is left of it.
async fn begin<F: Future>(future: F) -> impl Future<Output = F::Output> {
    let mut future: Pin<Box<F>> = Box::pin(future);
    let output = poll_fn(|context| match future.as_mut().poll(context) {
        Poll::Ready(output) => Poll::Ready(Some(output)),
        Poll::Pending => Poll::Ready(None),
    })
    .await;
    async move {
        match output {
            Some(output) => output,
            None => future.await,
        }
    }
}

fn unreadable(report: &str) -> Error {
    Error::new(ErrorCode::GpuError, "A result could not be read back.").about(report)
}
