#include "vectors.h"

#include <rapidjson/document.h>

#include "support/catch.h"
#include "support/files.h"

namespace paxect::test {

std::vector<Vector> load_vectors() {
  const std::string folder = PAXECT_TEST_VECTORS "/";
  rapidjson::Document index;
  index.Parse(read_file(folder + "index.json").c_str());
  REQUIRE_FALSE(index.HasParseError());
  std::vector<Vector> vectors;
  for (const auto& entry : index["vectors"].GetArray()) {
    Vector vector;
    vector.name = entry["name"].GetString();
    vector.exit = entry["exit"].GetInt();
    vector.container = read_file(folder + vector.name + ".freq");
    if (vector.exit == 0) vector.data = read_file(folder + vector.name + ".bin");
    vector.decode_only = entry.HasMember("decode_only");
    if (entry.HasMember("options")) {
      const auto& options = entry["options"];
      vector.level = options["level"].GetInt();
      vector.frame = options["frame"].GetInt();
      vector.channels = options["channels"].GetInt();
      vector.u16 = std::string(options["mapping"].GetString()) == "u16";
      vector.verify = options["verify"].GetBool();
    }
    vectors.push_back(vector);
  }
  REQUIRE(vectors.size() > 40);
  return vectors;
}

}  // namespace paxect::test
