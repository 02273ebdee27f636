//! The encodings.

use serde::Serialize;
use serde::de::{Deserialize, DeserializeOwned, IgnoredAny};

/// A way to encode a value.
pub trait Codec {
    const NAME: &'static str;

    /// Puts a value behind the bytes that are there.
    fn put<T: Serialize>(value: &T, into: &mut Vec<u8>) -> Result<(), String>;

    /// Reads the value that these bytes are.
    fn take<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, String>;
}

fn text(error: impl std::fmt::Display) -> String {
    error.to_string()
}

/// MessagePack with the names of fields, and the readable form of each type.
pub struct ReadableNamed;

impl Codec for ReadableNamed {
    const NAME: &'static str = "rmp-serde, named, readable";

    fn put<T: Serialize>(value: &T, into: &mut Vec<u8>) -> Result<(), String> {
        let mut encoder = rmp_serde::Serializer::new(into).with_struct_map().with_human_readable();
        value.serialize(&mut encoder).map_err(text)
    }

    fn take<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, String> {
        let mut decoder = rmp_serde::Deserializer::from_read_ref(bytes).with_human_readable();
        let value = T::deserialize(&mut decoder).map_err(text)?;
        if IgnoredAny::deserialize(&mut decoder).is_ok() {
            Err("bytes are left".to_owned())
        } else {
            Ok(value)
        }
    }
}

/// MessagePack with the names of fields.
pub struct Named;

impl Codec for Named {
    const NAME: &'static str = "rmp-serde, named";

    fn put<T: Serialize>(value: &T, into: &mut Vec<u8>) -> Result<(), String> {
        value.serialize(&mut rmp_serde::Serializer::new(into).with_struct_map()).map_err(text)
    }

    fn take<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, String> {
        rmp_serde::from_slice(bytes).map_err(text)
    }
}

pub struct Ciborium;

impl Codec for Ciborium {
    const NAME: &'static str = "ciborium";

    fn put<T: Serialize>(value: &T, into: &mut Vec<u8>) -> Result<(), String> {
        ciborium::into_writer(value, into).map_err(text)
    }

    fn take<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, String> {
        ciborium::from_reader(bytes).map_err(text)
    }
}

pub struct Json;

impl Codec for Json {
    const NAME: &'static str = "serde_json";

    fn put<T: Serialize>(value: &T, into: &mut Vec<u8>) -> Result<(), String> {
        serde_json::to_writer(into, value).map_err(text)
    }

    fn take<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, String> {
        serde_json::from_slice(bytes).map_err(text)
    }
}

pub struct Minicbor;

impl Codec for Minicbor {
    const NAME: &'static str = "minicbor-serde";

    fn put<T: Serialize>(value: &T, into: &mut Vec<u8>) -> Result<(), String> {
        value.serialize(&mut minicbor_serde::Serializer::new(into)).map(drop).map_err(text)
    }

    fn take<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, String> {
        minicbor_serde::from_slice(bytes).map_err(text)
    }
}

pub struct Cbor4ii;

impl Codec for Cbor4ii {
    const NAME: &'static str = "cbor4ii";

    fn put<T: Serialize>(value: &T, into: &mut Vec<u8>) -> Result<(), String> {
        *into = cbor4ii::serde::to_vec(std::mem::take(into), value).map_err(text)?;
        Ok(())
    }

    fn take<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, String> {
        cbor4ii::serde::from_slice(bytes).map_err(text)
    }
}

pub struct Postcard;

impl Codec for Postcard {
    const NAME: &'static str = "postcard";

    fn put<T: Serialize>(value: &T, into: &mut Vec<u8>) -> Result<(), String> {
        *into = postcard::to_extend(value, std::mem::take(into)).map_err(text)?;
        Ok(())
    }

    fn take<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, String> {
        postcard::from_bytes(bytes).map_err(text)
    }
}

pub struct Bitcode;

impl Codec for Bitcode {
    const NAME: &'static str = "bitcode";

    fn put<T: Serialize>(value: &T, into: &mut Vec<u8>) -> Result<(), String> {
        into.extend(bitcode::serialize(value).map_err(text)?);
        Ok(())
    }

    fn take<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, String> {
        bitcode::deserialize(bytes).map_err(text)
    }
}
