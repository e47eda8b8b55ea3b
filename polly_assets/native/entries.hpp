// What parsing lines of a MatrixMarket body is given, and what it tells.
//
// Keep out: how lines are parsed.

#pragma once

#include <cstdint>

namespace triples {

struct Room {
  bool places;
  int64_t limits[2];
  int64_t most;
  int32_t* rows;
  int32_t* columns;
};

struct Parsed {
  int64_t count;
  int64_t lines;     // ended ones, empty ones among them
  const char* stop;  // where the first line begins that was not taken
};

}  // namespace triples
