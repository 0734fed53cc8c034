// SPDX-License-Identifier: MPL-2.0
#include "xml.hpp"

#include <ctms/acoustic/client.hpp>
#include <ctms/base/utf8.hpp>

#include <pugixml.hpp>

#include <algorithm>
#include <stdexcept>

namespace ctms::acoustic {
namespace {

/// The length of the sequence that begins with this byte; 1 for a byte that does not begin one.
std::size_t sequence_length(char lead) noexcept {
    const auto byte = static_cast<unsigned char>(lead);
    if (byte >= 0xF0) return 4;
    if (byte >= 0xE0) return 3;
    return byte >= 0xC0 ? 2 : 1;
}

/// Whether XML 1.0 allows the character, which must be valid UTF-8.
bool is_xml_character(std::string_view character) noexcept {
    const auto byte = static_cast<unsigned char>(character.front());
    if (byte < 0x20) return byte == '\t' || byte == '\n' || byte == '\r';
    return character != "\xEF\xBF\xBE" && character != "\xEF\xBF\xBF"; // U+FFFE, U+FFFF
}

class string_writer : public pugi::xml_writer {
public:
    void write(const void* data, std::size_t size) override { out.append(static_cast<const char*>(data), size); }
    std::string out;
};

void add_text(pugi::xml_node parent, const char* name, std::string_view text) {
    const auto clean = xml_text(text);
    auto element = parent.append_child(name);
    if (!clean.empty()) element.append_child(pugi::node_pcdata).set_value(clean.c_str());
}

/// Adds <NAME>name</NAME><VALUE>value</VALUE>, without VALUE if the value is empty.
void add_name_and_value(pugi::xml_node parent, std::string_view name, std::string_view value) {
    add_text(parent, "NAME", name);
    if (!xml_text(value).empty()) add_text(parent, "VALUE", value);
}

/// Adds <element name="name">value</element>.
void add_named(pugi::xml_node row, const char* element, std::string_view name, std::string_view value) {
    add_text(row, element, value);
    row.last_child().append_attribute("name").set_value(xml_text(name).c_str());
}

/// The text of the call in its envelope.
template <class Fill>
std::string envelope(const char* call, Fill fill) {
    pugi::xml_document document;
    fill(document.append_child("Envelope").append_child("Body").append_child(call));
    return to_text(document);
}

} // namespace

std::string to_text(const pugi::xml_document& document) {
    string_writer writer;
    document.save(writer, "", pugi::format_raw | pugi::format_no_declaration, pugi::encoding_utf8);
    return std::move(writer.out);
}

std::string xml_text(std::string_view text) {
    std::string out;
    out.reserve(text.size());
    for (std::size_t at = 0; at < text.size();) {
        const auto character = text.substr(at, sequence_length(text[at]));
        const bool whole = is_valid_utf8(character);
        if (whole && is_xml_character(character)) out += character;
        at += whole ? character.size() : 1;
    }
    return out;
}

std::string add_recipient_xml(std::string_view table_id, std::span<const column> main) {
    const auto key = std::find_if(main.begin(), main.end(), [](const column& one) { return one.name == "email_id"; });
    if (key == main.end()) throw std::invalid_argument("a row of the main table needs an email_id");
    return envelope("AddRecipient", [&](pugi::xml_node call) {
        add_text(call, "LIST_ID", table_id);
        add_text(call, "CREATED_FROM", "3"); // a tracking database
        add_text(call, "UPDATE_IF_FOUND", "TRUE");
        add_name_and_value(call.append_child("SYNC_FIELDS").append_child("SYNC_FIELD"), key->name, key->value);
        for (const auto& [name, value] : main) add_name_and_value(call.append_child("COLUMN"), name, value);
    });
}

std::string insert_rows_xml(std::string_view table_id, std::span<const relational_row> rows) {
    return envelope("InsertUpdateRelationalTable", [&](pugi::xml_node call) {
        add_text(call, "TABLE_ID", table_id);
        auto list = call.append_child("ROWS");
        for (const auto& row : rows) {
            auto element = list.append_child("ROW");
            for (const auto& [name, value] : row.columns) add_named(element, "COLUMN", name, value);
        }
    });
}

std::string remove_recipient_xml(std::string_view table_id, std::string_view primary_email, std::string_view email_id) {
    return envelope("RemoveRecipient", [&](pugi::xml_node call) {
        add_text(call, "LIST_ID", table_id);
        add_text(call, "EMAIL", primary_email);
        add_name_and_value(call.append_child("COLUMN"), "email_id", email_id);
    });
}

std::string import_list_xml(std::string_view map_file, std::string_view source_file) {
    return envelope("ImportList", [&](pugi::xml_node call) {
        add_text(call, "MAP_FILE", map_file);
        add_text(call, "SOURCE_FILE", source_file);
        add_text(call, "FILE_ENCODING", "UTF-8");
    });
}

std::string get_job_status_xml(std::string_view job_id) {
    return envelope("GetJobStatus", [&](pugi::xml_node call) { add_text(call, "JOB_ID", job_id); });
}

std::string delete_rows_xml(std::string_view table_id, table target, std::span<const relational_row> rows) {
    const auto* key = target == table::newsletter ? "newsletter_name" : "product_id";
    return envelope("DeleteRelationalTableData", [&](pugi::xml_node call) {
        add_text(call, "TABLE_ID", table_id);
        auto list = call.append_child("ROWS");
        for (const auto& row : rows) {
            auto element = list.append_child("ROW");
            add_named(element, "KEY_COLUMN", "email_id", row.email_id);
            add_named(element, "KEY_COLUMN", key, row.key);
        }
    });
}

} // namespace ctms::acoustic
