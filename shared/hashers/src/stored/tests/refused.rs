//! Refused hashes, format by format: those that no password can match, and those whose comparison is too costly.

use super::StoredHash;
use crate::import::Refusal::{self, Malformed, TooCostly, UnknownFormat};

/// The reason, the hint, and the hash.
type Refused = (Refusal, &'static str, &'static str);

fn check(refused: &[Refused]) {
    assert!(refused.len() >= 10, "ten at least");
    for &(refusal, says, text) in refused {
        let error = StoredHash::parse(text).err().unwrap_or_else(|| panic!("taken: {text}"));
        assert_eq!(error.refusal, refusal, "{text}: {}", error.hint);
        assert!(error.hint.contains(says), "{text}: {}", error.hint);
        // A hint quotes no part of a salt, key or digest.
        assert!(text.split(['$', '}']).filter(|part| part.len() > 33).all(|part| !error.hint.contains(part)), "{text}");
    }
}

#[test]
fn unknown_formats_are_named() {
    check(&[
        (UnknownFormat, "begins with", ""),
        (UnknownFormat, "begins with", "plain"),
        (UnknownFormat, "begins with", "$"),
        (UnknownFormat, "begins with", "pbkdf2_sha256$1500$salt$MJsb01LhQkowIf7p935pCt47lXTF3FbJ+IYw01hgTcc="),
        (UnknownFormat, "$md5-crypt$", "$1$TVEiiKNb$SN6/pUaRQS/E8Jh46As2C/"),
        (UnknownFormat, "$sha256-crypt$", "$5$rounds=5000$salt$hash"),
        (UnknownFormat, "$sha512-crypt$", "$6$rounds=5000$salt$hash"),
        (UnknownFormat, "\"y\"", "$y$j9T$salt$hash"),
        (UnknownFormat, "\"P\"", "$P$B"),
        (UnknownFormat, "\"argon2d\"", "$argon2d$v=19$m=32,t=2,p=4$cm94YnRVOW5jZzFzcVE4bQ$MNzk5BtR2vUhrp6qQEjRNw"),
        (UnknownFormat, "\"sha3-256\"", "$sha3-256$pf=e1BBU1NXT1JEfQ==$$AAAA"),
        (UnknownFormat, "}", "{SSHA"),
        (UnknownFormat, "\"SMD5\"", "{SMD5}YQ=="),
        (UnknownFormat, "\"SHA\"", "{SHA}QYQaBWilkHGyk/r32PqfufnHtWo="),
        (UnknownFormat, "\"CRYPT\"", "{CRYPT}$1$TVEiiKNb$SN6/pUaRQS/E8Jh46As2C/"),
    ]);
    let long = StoredHash::parse(&format!("$md5${}", "A".repeat(5000))).unwrap_err();
    assert_eq!((long.refusal, long.hint.contains("4096")), (Malformed, true));
}

#[test]
fn bcrypt() {
    check(&[
        (Malformed, "shape", "$2a$12$short"),
        (Malformed, "shape", "$2b$12$"),
        (Malformed, "shape", "$2b$12"),
        (Malformed, "shape", "$2b$5$o6hx.Wog/wvFSkT/Bp/6DOxCtLRTDj7lm9on9suF/WaCGNVHbkfL6"),
        (Malformed, "number", "$2b$1x$o6hx.Wog/wvFSkT/Bp/6DOxCtLRTDj7lm9on9suF/WaCGNVHbkfL6"),
        (Malformed, "needs 4", "$2b$03$o6hx.Wog/wvFSkT/Bp/6DOxCtLRTDj7lm9on9suF/WaCGNVHbkfL6"),
        (TooCostly, "16", "$2a$16$o6hx.Wog/wvFSkT/Bp/6DOxCtLRTDj7lm9on9suF/WaCGNVHbkfL6"),
        (TooCostly, "99", "$2a$99$o6hx.Wog/wvFSkT/Bp/6DOxCtLRTDj7lm9on9suF/WaCGNVHbkfL6"),
        (Malformed, "base64", "$2b$12$o6hx.Wog+wvFSkT/Bp/6DOxCtLRTDj7lm9on9suF/WaCGNVHbkfL6"),
        (Malformed, "shape", "$2b$12$o6hx.Wog/wvFSkT/Bp/6DOxCtLRTDj7lm9on9suF/WaCGNVHbkfL66"),
        (Malformed, "base64", "$2b$12$o6hx.Wog/wvFSkT/Bp/6DOxCtLRTDj7lm9on9suF/WaCGNVHbkfL7"),
        (Malformed, "shape", "$2b$12$o6hx.Wog/wvFSkT/Bp/6DOxCtLRTDj7lm9on9suF/WaCGNVHbkfL6$"),
        (UnknownFormat, "faulty", "$2x$12$o6hx.Wog/wvFSkT/Bp/6DOxCtLRTDj7lm9on9suF/WaCGNVHbkfL6"),
    ]);
}

#[test]
fn argon2() {
    check(&[
        (Malformed, "v=19", "$argon2id$v=16$m=32,t=2,p=4$cm94YnRVOW5jZzFzcVE4bQ$MNzk5BtR2vUhrp6qQEjRNw"),
        (Malformed, "shape", "$argon2id$m=32,t=2,p=4$cm94YnRVOW5jZzFzcVE4bQ$MNzk5BtR2vUhrp6qQEjRNw"),
        (Malformed, "m=<number>", "$argon2id$v=19$t=2,m=32,p=4$cm94YnRVOW5jZzFzcVE4bQ$MNzk5BtR2vUhrp6qQEjRNw"),
        (
            Malformed,
            "m=<number>",
            "$argon2id$v=19$m=32,t=2,p=4,keyid=Zm8$cm94YnRVOW5jZzFzcVE4bQ$MNzk5BtR2vUhrp6qQEjRNw",
        ),
        (TooCostly, "1048577", "$argon2id$v=19$m=1048577,t=2,p=4$cm94YnRVOW5jZzFzcVE4bQ$MNzk5BtR2vUhrp6qQEjRNw"),
        (TooCostly, "11", "$argon2id$v=19$m=32,t=11,p=4$cm94YnRVOW5jZzFzcVE4bQ$MNzk5BtR2vUhrp6qQEjRNw"),
        (TooCostly, "17", "$argon2id$v=19$m=320,t=2,p=17$cm94YnRVOW5jZzFzcVE4bQ$MNzk5BtR2vUhrp6qQEjRNw"),
        (
            TooCostly,
            "m is beyond",
            "$argon2id$v=19$m=99999999999,t=2,p=1$cm94YnRVOW5jZzFzcVE4bQ$MNzk5BtR2vUhrp6qQEjRNw",
        ),
        (Malformed, "8 KiB", "$argon2id$v=19$m=8,t=2,p=4$cm94YnRVOW5jZzFzcVE4bQ$MNzk5BtR2vUhrp6qQEjRNw"),
        (
            Malformed,
            "salt is not base64",
            "$argon2id$v=19$m=32,t=2,p=4$cm94YnRVOW5jZzFzcVE4bQ==$MNzk5BtR2vUhrp6qQEjRNw",
        ),
        (Malformed, "base64url", "$argon2id$v=19$m=32,t=2,p=4$cm94YnRVOW5jZzFzcVE4-_$MNzk5BtR2vUhrp6qQEjRNw"),
        (Malformed, "bytes of salt", "$argon2id$v=19$m=32,t=2,p=4$YWJj$MNzk5BtR2vUhrp6qQEjRNw"),
        (Malformed, "4 bytes", "$argon2id$v=19$m=32,t=2,p=4$cm94YnRVOW5jZzFzcVE4bQ$MNzk5A"),
        (Malformed, "0 bytes", "$argon2i$v=19$m=32,t=2,p=4$cm94YnRVOW5jZzFzcVE4bQ$"),
    ]);
}

#[test]
fn pbkdf2() {
    check(&[
        (UnknownFormat, "\"md5\"", "$pbkdf2-md5$i=1000,l=16$YWFhYQ$YWFhYWFhYWFhYWFhYWFhYQ"),
        (UnknownFormat, "\"SHA512\"", "$pbkdf2-SHA512$i=1000,l=16$YWFhYQ$YWFhYWFhYWFhYWFhYWFhYQ"),
        (UnknownFormat, "\"sha-512\"", "$pbkdf2-sha-512$i=1000,l=16$YWFhYQ$YWFhYWFhYWFhYWFhYWFhYQ"),
        (UnknownFormat, "\"sha512/256\"", "$pbkdf2-sha512/256$i=1000,l=16$YWFhYQ$YWFhYWFhYWFhYWFhYWFhYQ"),
        (UnknownFormat, "\"sha3-256\"", "$pbkdf2-sha3-256$i=1000,l=16$YWFhYQ$YWFhYWFhYWFhYWFhYWFhYQ"),
        (UnknownFormat, "\"sha999\"", "$pbkdf2-sha999$i=1000,l=16$YWFhYQ$YWFhYWFhYWFhYWFhYWFhYQ"),
        (UnknownFormat, "\"pbkdf2\"", "$pbkdf2$i=1000,l=16$YWFhYQ$YWFhYWFhYWFhYWFhYWFhYQ"),
        (Malformed, "i=<number>", "$pbkdf2-sha256$1000$YWFhYQ$YWFhYWFhYWFhYWFhYWFhYQ"),
        (Malformed, "i=<number>", "$pbkdf2-sha256$i=1000$YWFhYQ$YWFhYWFhYWFhYWFhYWFhYQ"),
        (Malformed, "not a number", "$pbkdf2-sha256$i=+1,l=32$YWFhYQ$YWFhYWFhYWE"),
        (TooCostly, "10000001", "$pbkdf2-sha256$i=10000001,l=32$YWFhYQ$YWFhYWFhYWE"),
        (TooCostly, "SHA-3", "$pbkdf2-sha384$i=5000001,l=48$YWFhYQ$YWFhYWFhYWE"),
        (TooCostly, "0 iterations", "$pbkdf2-sha256$i=0,l=32$YWFhYQ$YWFhYWFhYWE"),
        (Malformed, "without padding", "$pbkdf2-sha256$i=1000,l=16$YWFhYQ==$YWFhYWFhYWFhYWFhYWFhYQ"),
        (Malformed, "4 bytes", "$pbkdf2-sha256$i=1000,l=4$YWFhYQ$YWFhYQ"),
        (Malformed, "shape", "$pbkdf2-sha256$i=1000,l=16$YWFhYQ"),
    ]);
}

#[test]
fn scrypt() {
    check(&[
        (TooCostly, "262144", "$scrypt$ln=262144,r=8,p=1$YQ==$YWFhYWFhYWE="),
        (TooCostly, "r = 65", "$scrypt$ln=16384,r=65,p=1$YQ==$YWFhYWFhYWE="),
        (TooCostly, "p = 17", "$scrypt$ln=16384,r=8,p=17$YQ==$YWFhYWFhYWE="),
        (TooCostly, "r = 0", "$scrypt$ln=16384,r=0,p=1$YQ==$YWFhYWFhYWE="),
        (TooCostly, "r = 4294967295", "$scrypt$ln=2,r=4294967295,p=16$YQ==$YWFhYWFhYWE="),
        (TooCostly, "ln is beyond", "$scrypt$ln=4294967296,r=8,p=1$YQ==$YWFhYWFhYWE="),
        (Malformed, "power of two", "$scrypt$ln=16383,r=8,p=1$YQ==$YWFhYWFhYWE="),
        (Malformed, "16384 for 2^14", "$scrypt$ln=14,r=8,p=1$YQ==$YWFhYWFhYWE="),
        (Malformed, "power of two", "$scrypt$ln=1,r=8,p=1$YQ==$YWFhYWFhYWE="),
        (Malformed, "ln=<number>", "$scrypt$n=16384,r=8,p=1$YQ==$YWFhYWFhYWE="),
        (Malformed, "with padding", "$scrypt$ln=16384,r=8,p=1$YQ$YWFhYWFhYWE="),
        (Malformed, "1 bytes", "$scrypt$ln=16384,r=8,p=1$YQ==$YQ=="),
        (Malformed, "shape", "$scrypt$16384$8$1$YQ==$YWFhYWFhYWE="),
        (UnknownFormat, "\"7\"", "$7$C6..../....SodiumChloride$kBGj9fHznVYFQMEn/qDCfrDevf9YDtcDdKvEqHJLV8D"),
    ]);
}

#[test]
fn firebase() {
    check(&[
        (TooCostly, "r = 8", "$firescrypt$ln=18,r=8,p=1$YQ==$YWFhYWFhYWE=$YQ==$YWFhYWFhYWE="),
        (TooCostly, "N = ", "$firescrypt$ln=99,r=8,p=1$YQ==$YWFhYWFhYWE=$YQ==$YWFhYWFhYWE="),
        (TooCostly, "p = 0", "$firescrypt$ln=14,r=8,p=0$YQ==$YWFhYWFhYWE=$YQ==$YWFhYWFhYWE="),
        (Malformed, "power of two", "$firescrypt$ln=0,r=8,p=1$YQ==$YWFhYWFhYWE=$YQ==$YWFhYWFhYWE="),
        (Malformed, "shape", "$firescrypt$ln=14,r=8,p=1$YQ==$YWFhYWFhYWE=$YQ=="),
        (Malformed, "shape", "$firescrypt$ln=14,r=8,p=1$YQ==$YWFhYWFhYWE=$YQ==$YWFhYWFhYWE=$YQ=="),
        (Malformed, "equally long", "$firescrypt$ln=14,r=8,p=1$YQ==$YWFhYWFhYWE=$YQ==$YWFhYWFhYWFh"),
        (Malformed, "equally long", "$firescrypt$ln=14,r=8,p=1$YQ==$YQ==$YQ==$YQ=="),
        (Malformed, "equally long", "$firescrypt$ln=14,r=8,p=1$YQ==$$YQ==$"),
        (Malformed, "separator is not base64", "$firescrypt$ln=14,r=8,p=1$YQ==$YWFhYWFhYWE=$Bw$YWFhYWFhYWE="),
        (Malformed, "signer key is not base64", "$firescrypt$ln=14,r=8,p=1$YQ==$YWFhYWFhYWE=$YQ==$key"),
        (Malformed, "ln=<number>", "$firescrypt$mem=14,rounds=8,p=1$YQ==$YWFhYWFhYWE=$YQ==$YWFhYWFhYWE="),
    ]);
}

#[test]
fn md5_crypt() {
    check(&[
        (Malformed, "22 characters", "$md5-crypt$TVEiiKNb$SN6/pUaRQS/E8Jh46As2C"),
        (Malformed, "22 characters", "$md5-crypt$TVEiiKNb$SN6/pUaRQS/E8Jh46As2C//"),
        (Malformed, "22 characters", "$md5-crypt$TVEiiKNb$SN6/pUaRQS/E8Jh46As2Cz"),
        (Malformed, "22 characters", "$md5-crypt$TVEiiKNb$SN6+pUaRQS/E8Jh46As2C/"),
        (Malformed, "22 characters", "$md5-crypt$TVEiiKNb$SN6/pUaRQS/E8Jh46As2C="),
        (Malformed, "22 characters", "$md5-crypt$TVEiiKNb$"),
        (Malformed, "22 characters", "$md5-crypt$TVEiiKNb$098f6bcd4621d373cade4e832627b4f6"),
        (Malformed, "shape", "$md5-crypt$SN6/pUaRQS/E8Jh46As2C/"),
        (Malformed, "shape", "$md5-crypt$rounds=5000$TVEiiKNb$SN6/pUaRQS/E8Jh46As2C/"),
        (Malformed, "shape", "$md5-crypt$TVEiiKNb$SN6/pUaRQS/E8Jh46As2C/$"),
        (
            Malformed,
            "64 bytes",
            "$md5-crypt$0123456789012345678901234567890123456789012345678901234567890123x$SN6/pUaRQS/E8Jh46As2C/",
        ),
    ]);
}

#[test]
fn sha_crypt() {
    check(&[
        (TooCostly, "999999999", "$sha256-crypt$rounds=999999999$salt$Q/zslzx./JjkAVPTwp6th7nW5l7JU91Gte/UmIh.U78"),
        (Malformed, "needs 1000", "$sha256-crypt$rounds=999$salt$Q/zslzx./JjkAVPTwp6th7nW5l7JU91Gte/UmIh.U78"),
        (Malformed, "number", "$sha256-crypt$rounds=$salt$Q/zslzx./JjkAVPTwp6th7nW5l7JU91Gte/UmIh.U78"),
        (Malformed, "number", "$sha256-crypt$rounds=-5000$salt$Q/zslzx./JjkAVPTwp6th7nW5l7JU91Gte/UmIh.U78"),
        (Malformed, "shape", "$sha256-crypt$rounds=5000$Q/zslzx./JjkAVPTwp6th7nW5l7JU91Gte/UmIh.U78"),
        (Malformed, "shape", "$sha256-crypt$$salt$Q/zslzx./JjkAVPTwp6th7nW5l7JU91Gte/UmIh.U78"),
        (Malformed, "shape", "$sha256-crypt$r=5000$salt$Q/zslzx./JjkAVPTwp6th7nW5l7JU91Gte/UmIh.U78"),
        (
            Malformed,
            "16 bytes",
            "$sha256-crypt$rounds=5000$seventeen-symbols$Q/zslzx./JjkAVPTwp6th7nW5l7JU91Gte/UmIh.U78",
        ),
        (Malformed, "43 characters", "$sha256-crypt$salt$Q/zslzx./JjkAVPTwp6th7nW5l7JU91Gte/UmIh.U7z"),
        (Malformed, "43 characters", "$sha256-crypt$salt$"),
        (Malformed, "86 characters", "$sha512-crypt$salt$Q/zslzx./JjkAVPTwp6th7nW5l7JU91Gte/UmIh.U78"),
        (Malformed, "shape", "$sha512-crypt$salt"),
    ]);
}

#[test]
fn ldap() {
    check(&[
        (Malformed, "1 bytes", "{SSHA}YQ=="),
        (Malformed, "0 bytes", "{SSHA}"),
        (Malformed, "20 bytes", "{SSHA}QYQaBWilkHGyk/r32PqfufnHtWo="),
        (Malformed, "28 bytes", "{SSHA256}SLWcaFZG1VIvszq68o8falX1zcY4Ynl0ZXMhIQ=="),
        (Malformed, "32 bytes", "{SSHA256}eVkN2nGapJnX5tbCNL2o9bs8Cmmf6IzfgnY9veii+Pg="),
        (Malformed, "28 bytes", "{SSHA512}SLWcaFZG1VIvszq68o8falX1zcY4Ynl0ZXMhIQ=="),
        (Malformed, "with padding", "{SSHA}SLWcaFZG1VIvszq68o8falX1zcY4Ynl0ZXMhIQ"),
        (Malformed, "base64", "{SSHA}SLWcaFZG1VIvszq68o8falX1zcY4Ynl0ZXMh!Q=="),
        (UnknownFormat, "\"ssha\"", "{ssha}SLWcaFZG1VIvszq68o8falX1zcY4Ynl0ZXMhIQ=="),
        (UnknownFormat, "\"SSHA384\"", "{SSHA384}SLWcaFZG1VIvszq68o8falX1zcY4Ynl0ZXMhIQ=="),
        (UnknownFormat, "ends with }", "{SSHA SLWcaFZG1VIvszq68o8falX1zcY4Ynl0ZXMhIQ=="),
    ]);
}

#[test]
fn sha_in_a_template() {
    check(&[
        (Malformed, "shape", "$sha1$NW9wbWtnejAzcg==$2qU2SGWP8viTM1md3FiI3+rjWXQ="),
        (Malformed, "shape", "$sha1$2qU2SGWP8viTM1md3FiI3+rjWXQ="),
        (Malformed, "pf=", "$sha1$e1NBTFR9e1BBU1NXT1JEfQ==$NW9wbWtnejAzcg==$2qU2SGWP8viTM1md3FiI3+rjWXQ="),
        (Malformed, "template is not base64", "$sha1$pf={PASSWORD}$$2qU2SGWP8viTM1md3FiI3+rjWXQ="),
        (Malformed, "salt is not base64", "$sha1$pf=e1BBU1NXT1JEfQ==$salt!$2qU2SGWP8viTM1md3FiI3+rjWXQ="),
        (Malformed, "hash is not base64", "$sha1$pf=e1BBU1NXT1JEfQ==$$da39a3ee5e6b4b0d3255bfef95601890afd80709x"),
        (Malformed, "every password", "$sha1$pf=e1NBTFR9$NW9wbWtnejAzcg==$2qU2SGWP8viTM1md3FiI3+rjWXQ="),
        (Malformed, "every password", "$sha256$pf=$$eVkN2nGapJnX5tbCNL2o9bs8Cmmf6IzfgnY9veii+Pg="),
        (Malformed, "makes 20", "$sha1$pf=e1BBU1NXT1JEfQ==$$"),
        (Malformed, "makes 32", "$sha256$pf=e1BBU1NXT1JEfQ==$$2qU2SGWP8viTM1md3FiI3+rjWXQ="),
        (Malformed, "makes 64", "$sha512$pf=e1BBU1NXT1JEfQ==$$2qU2SGWP8viTM1md3FiI3+rjWXQ="),
    ]);
}

#[test]
fn md5() {
    check(&[
        (Malformed, "makes 16", "$md5$"),
        (Malformed, "makes 16", "$md5$YWFhYWFhYWFhYWFhYWFhYWE="),
        (Malformed, "makes 16", "$md5$098f6bcd4621d373cade4e832627b4f6"),
        (Malformed, "makes 16", "$md5$pf=e1BBU1NXT1JEfQ==$$2qU2SGWP8viTM1md3FiI3+rjWXQ="),
        (Malformed, "not base64", "$md5$098f6bcd4621d373cade4e832627b4f6x"),
        (Malformed, "not base64", "$md5$CY9rzUYh03PK3k6DJie09g"),
        (Malformed, "every password", "$md5$pf=$$CY9rzUYh03PK3k6DJie09g=="),
        (Malformed, "every password", "$md5$pf=e1NBTFR9$c2FsdA==$CY9rzUYh03PK3k6DJie09g=="),
        (Malformed, "template is not base64", "$md5$pf={PASSWORD}$$CY9rzUYh03PK3k6DJie09g=="),
        (Malformed, "salt is not base64", "$md5$pf=e1BBU1NXT1JEfQ==$salt!$CY9rzUYh03PK3k6DJie09g=="),
        (Malformed, "shape", "$md5$pf=e1BBU1NXT1JEfQ==$CY9rzUYh03PK3k6DJie09g=="),
    ]);
}

#[test]
fn hmac() {
    check(&[
        (UnknownFormat, "\"sha3\"", "$hmac-sha3$YQ==$YQ=="),
        (UnknownFormat, "\"SHA256\"", "$hmac-SHA256$YQ==$YQ=="),
        (UnknownFormat, "\"ripemd160\"", "$hmac-ripemd160$YQ==$YQ=="),
        (UnknownFormat, "\"\"", "$hmac-$YQ==$YQ=="),
        (UnknownFormat, "\"hmac\"", "$hmac$YQ==$YQ=="),
        (Malformed, "shape", "$hmac-sha256$ZTAzMWJhMWMyOTM4YjFkMjgzZjkxOWExZGY5YWM2NmM="),
        (Malformed, "shape", "$hmac-sha256$YQ==$YQ==$YQ=="),
        (Malformed, "hexadecimal", "$hmac-md5$dQx4Pmq2tQPuqG4xClt4cw==$SmVmZQ=="),
        (Malformed, "hexadecimal", "$hmac-md5$NzUw$SmVmZQ=="),
        (Malformed, "makes 32", "$hmac-sha256$NzUwYzc4M2U2YWIwYjUwM2VhYTg2ZTMxMGE1ZGI3Mzg=$SmVmZQ=="),
        (Malformed, "makes 16", "$hmac-md5$$SmVmZQ=="),
        (Malformed, "key is not base64", "$hmac-md5$NzUwYzc4M2U2YWIwYjUwM2VhYTg2ZTMxMGE1ZGI3Mzg=$Jefe!"),
        (Malformed, "hash is not base64", "$hmac-md5$750c783e6ab0b503eaa86e310a5db738x$SmVmZQ=="),
    ]);
}
