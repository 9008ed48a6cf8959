-- Values in the titles of chapters, where Quarto's pages link to them: sidebar, next and previous.
-- Quarto reads those titles before it runs a chapter. The value stands in the chapter's frozen copy;
-- before there is one, three dots stand in its place.

local ASKED = "^{python}%s"

local function read_file(path)
  local file = io.open(path, "r")
  if file == nil then return nil end
  local text = file:read("a")
  file:close()
  return text
end

local function title_of(markdown)
  local document = pandoc.read(markdown, "markdown")
  if document.meta.title ~= nil then return document.meta.title end
  for _, block in ipairs(document.blocks) do
    if block.t == "Header" then return block.content end
  end
end

-- Chapters of the project that have a frozen copy: path of the .qmd without ending.
local function frozen_chapters(folder, below, found)
  local ok, names = pcall(pandoc.system.list_directory, folder .. "/_freeze/" .. below)
  for _, name in ipairs(ok and names or {}) do
    local path = below == "" and name or below .. "/" .. name
    if name == "execute-results" then
      found[#found + 1] = below
    elseif not name:find("%.") then
      frozen_chapters(folder, path, found)
    end
  end
  return found
end

-- The title as it reads, of the chapter whose title is written so.
local function filled(written, code)
  local folder = quarto.project.directory or "."
  for _, chapter in ipairs(frozen_chapters(folder, "", {})) do
    local source = read_file(folder .. "/" .. chapter .. ".qmd")
    local record = read_file(folder .. "/_freeze/" .. chapter .. "/execute-results/html.json")
    if source ~= nil and record ~= nil and source:find("`" .. code .. "`", 1, true) then
      local own = title_of((source:gsub("```{python}", "```python")))  -- cells, to pandoc
      if own ~= nil and pandoc.utils.stringify(own) == pandoc.utils.stringify(written) then
        return title_of(pandoc.json.decode(record, false).result.markdown)
      end
    end
  end
end

local function fill(span)
  if not span.classes:includes("chapter-title") then return nil end
  local code
  span:walk({ Code = function(c) if c.text:find(ASKED) then code = c.text end end })
  if code == nil then return nil end
  local title = filled(span.content, code)
  if title ~= nil then
    span.content = pandoc.Inlines(title)
    return span
  end
  return span:walk({ Code = function(c) if c.text:find(ASKED) then return pandoc.Str("…") end end })
end

-- Quarto hands the words of its links over at the end of a page, in blocks with these names.
function Pandoc(document)
  local blocks, changed = document.blocks, false
  for place, block in ipairs(blocks) do
    if block.t == "Div" and block.identifier:find("^quarto%-") then
      blocks[place] = block:walk({ Span = fill })
      changed = true
    end
  end
  if changed then return pandoc.Pandoc(blocks, document.meta) end
end
