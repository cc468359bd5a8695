#include "datasets/table_placement.h"

#include <gtest/gtest.h>

#include <optional>
#include <string>

#include "tests/conformance/discrete_device.h"

namespace assay::datasets {
namespace {

using conformance::DiscreteDevice;

constexpr int64_t kDeviceBytes = 1000;

kernels::DeviceInfo memory_of(int64_t bytes, bool shares) {
  kernels::DeviceInfo info;
  info.memory_bytes = bytes;
  info.shares_host_memory = shares;
  return info;
}

// Devices, and where a table was asked for.
struct Places {
  DiscreteDevice device{"card:0", kDeviceBytes};
  DiscreteDevice host{"host", kDeviceBytes};
  std::string asked;
  std::optional<StatusCode> refusal;  // of the device

  Result<kernels::BinnedView> place(int64_t byte_count) {
    const uint8_t cell = 0;
    return place_table(device, host, byte_count,
                       [&](kernels::Device& at) -> Result<kernels::BinnedView> {
                         asked += at.info().id + " ";
                         if (&at == &device && refusal) {
                           return fail(*refusal, "refused");
                         }
                         kernels::BinnedView view;
                         view.row_count = &at == &host ? 2 : 1;
                         view.columns = &cell;
                         return view;
                       });
  }
};

TEST(TablePlacement, TablesExceedADeviceByThreeQuartersOfItsMemory) {
  EXPECT_FALSE(exceeds_device(memory_of(1000, false), 750));
  EXPECT_TRUE(exceeds_device(memory_of(1000, false), 751));
  EXPECT_FALSE(exceeds_device(memory_of(1000, true), 5000)) << "its memory is the host's";
}

TEST(TablePlacement, TablesThatFitGoToTheDevice) {
  Places places;
  places.device.own_info().streams_tables = true;
  const auto view = places.place(700);
  ASSERT_TRUE(view.has_value());
  EXPECT_FALSE(view->on_host);
  EXPECT_EQ(view->row_count, 1);
  EXPECT_EQ(places.asked, "card:0 ");
}

TEST(TablePlacement, LargerOnesStayWithTheHostAndStream) {
  Places places;
  places.device.own_info().streams_tables = true;
  const auto view = places.place(800);
  ASSERT_TRUE(view.has_value());
  EXPECT_TRUE(view->on_host);
  EXPECT_EQ(view->row_count, 2);
  EXPECT_EQ(view->columns, nullptr);
  EXPECT_EQ(places.asked, "host ");
}

TEST(TablePlacement, WhatFindsNoRoomBesideOthersStreamsToo) {
  Places places;
  places.device.own_info().streams_tables = true;
  places.refusal = StatusCode::kResourceExhausted;
  const auto view = places.place(100);
  ASSERT_TRUE(view.has_value());
  EXPECT_TRUE(view->on_host);
  EXPECT_EQ(places.asked, "card:0 host ");
}

TEST(TablePlacement, OtherFailuresAreTheCallers) {
  Places places;
  places.device.own_info().streams_tables = true;
  places.refusal = StatusCode::kDevice;
  const auto view = places.place(100);
  ASSERT_FALSE(view.has_value());
  EXPECT_EQ(view.error().code, StatusCode::kDevice);
  EXPECT_EQ(places.asked, "card:0 ");
}

TEST(TablePlacement, DevicesThatDoNotStreamAreAskedWhateverTheSize) {
  Places places;
  places.refusal = StatusCode::kResourceExhausted;
  EXPECT_FALSE(places.place(800).has_value());
  EXPECT_EQ(places.asked, "card:0 ");
}

}  // namespace
}  // namespace assay::datasets
