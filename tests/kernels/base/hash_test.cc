#include "kernels/base/hash.h"
#include "tests/bytes_of.h"

#include <gtest/gtest.h>

#include <string>
#include <utility>

namespace assay {
namespace {

// Known answers: FIPS 180-4 examples (NIST "Example Values", SHA-256).
constexpr std::string_view kEmptyHash =
    "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
constexpr std::string_view kAbcHash =
    "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
constexpr std::string_view kTwoBlockHash =
    "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1";
constexpr std::string_view kMillionHash =
    "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0";

TEST(Sha256, MatchesPublishedAnswers) {
  EXPECT_EQ(sha256_hex(""), kEmptyHash);
  EXPECT_EQ(sha256_hex("abc"), kAbcHash);
  EXPECT_EQ(sha256_hex("abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq"), kTwoBlockHash);
}

TEST(Sha256, StreamedEqualsWhole) {
  Sha256 hash;
  const std::string piece(1000, 'a');
  for (int i = 0; i < 1000; ++i) hash.update(bytes_of(piece));
  EXPECT_EQ(hash.finish(), kMillionHash);

  Sha256 uneven;
  uneven.update(bytes_of("a"));
  uneven.update({});
  uneven.update(bytes_of("bc"));
  EXPECT_EQ(uneven.finish(), kAbcHash);
}

TEST(Sha256, MovedHashGoesOn) {
  Sha256 first;
  first.update(bytes_of("ab"));
  Sha256 second = std::move(first);
  second.update(bytes_of("c"));
  EXPECT_EQ(second.finish(), kAbcHash);
}

TEST(Sha256, HashesBytesBehindANul) {
  EXPECT_NE(sha256_hex(std::string_view("a\0b", 3)), sha256_hex("a"));
}

}  // namespace
}  // namespace assay
